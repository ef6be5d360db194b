# The course's commands; `make` alone lists them. All paths are relative, so that the folder may have any name.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN    := $(BIN)/python
STAMP  := $(VENV)/.installed
NB     ?=
# TORCH=cpu: PyTorch without CUDA's 5 GB. Only for Linux are there two builds.
TORCH  ?=
WHEELS := https://download.pytorch.org/whl/cpu

# As in tools/run.py: torch's warning about fastai's use of torch.jit.script tells a reader nothing.
lab: export PYTHONWARNINGS := ignore:`torch.jit.script` is deprecated:FutureWarning

.DEFAULT_GOAL := help
.PHONY: help course execute test test-all export bench gpu site lab serve hooks clean

help: ## list these targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1 \2/p' Makefile | awk '{name = $$1; $$1 = ""; printf "  %-9s%s\n", name, $$0}'

# Stamped last, so that an installation that stops half-way is taken up again. nbdev's hooks for git are installed, too,
# but for the part of them that changes the user's own settings of Jupyter: `make hooks` does that.
$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed. Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("The course needs Python 3.10 or newer, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@if [ "$(TORCH)" = cpu ] && [ "$$(uname -s)" = Linux ]; then \
		{ $(RUN) -m pip install --retries 1 --timeout 20 --index-url $(WHEELS) torch torchvision && \
		$(RUN) -c 'from importlib.metadata import version; raise SystemExit("+cpu" not in version("torch"))'; } || \
		echo "PyTorch's CPU build cannot be had from $(WHEELS): pip takes what it finds, which may bring 5 GB of CUDA." >&2; fi
	$(RUN) -m pip install -e '.[dev]'
	@if [ -d .git ]; then export HOME="$$PWD/$(VENV)" USERPROFILE="$$PWD/$(VENV)"; $(INSTALL_HOOKS) >/dev/null || \
		echo "nbdev's hooks for git were not installed; make hooks tries again." >&2; fi
	@touch $@

# The hooks name nbdev's commands alone, and git finds those only while the environment is active: name them in full.
INSTALL_HOOKS = $(BIN)/nbdev-install-hooks && sed -i.old "s|= nbdev-|= '$$PWD/$(BIN)'/nbdev-|; s|^nbdev-|'$$PWD/$(BIN)'/nbdev-|" \
	.gitconfig .git/hooks/post-merge && rm -f .gitconfig.old .git/hooks/post-merge.old

course: $(STAMP) ## run every notebook on copies, then build the site from them into _docs/ (TORCH=cpu: without CUDA)
	$(RUN) tools/run.py course

execute: $(STAMP) ## run every notebook and store its outputs in nbs/ (one only: NB=04_cnn)
	$(RUN) tools/run.py execute $(NB)
	$(RUN) -m pytest -q -n 0 tests/test_notebooks.py -k "test_stored$(if $(NB), and ($(shell echo $(NB) | sed 's/ / or /g')))"

test: $(STAMP) ## check all but what takes long: notebooks, library, site, wheel, workflows, style
	@$(RUN) -m pytest

test-all: $(STAMP) ## check all: also the cells that train for minutes, and each notebook in JupyterLab and Colab
	@$(RUN) -m pytest -m "slow or not slow"

export: $(STAMP) ## write the library from the notebooks, and clean the notebooks
	$(RUN) tools/run.py install-cells
	$(BIN)/nbdev-export
	$(BIN)/nbdev-clean

bench: $(STAMP) ## time our recipes against their peers (two hours), or ten minutes of one part, as often as it takes: make bench PART=race
	$(RUN) tools/bench.py $(if $(PART),--minutes 10) $(PART)

gpu: $(STAMP) ## on a machine with a GPU by NVIDIA: the tests for it, and the race of chapter 7 there (ten minutes)
	$(RUN) -m pytest -n 0 -m gpu
	$(RUN) tools/bench.py --minutes 6 --device cuda race

site: $(STAMP) ## build the site from the stored notebooks into _docs/
	$(RUN) tools/site/build.py

lab: $(STAMP) ## open the front page and the chapters in JupyterLab
	$(RUN) -m jupyterlab nbs/index.ipynb

serve: $(STAMP) ## show the built site at http://localhost:8000
	@test -f _docs/index.html || { echo "There is no site yet. Build it with: make course (or make site)" >&2; exit 1; }
	$(RUN) -m http.server 8000 --bind 127.0.0.1 --directory _docs

hooks: $(STAMP) ## clean notebooks before they are committed, and merge them cell by cell (nbdev's hooks for git and Jupyter)
	@$(INSTALL_HOOKS)

clean: ## remove what was built (keeps .venv)
	rm -rf _docs _proc _course build dist *.egg-info .pytest_cache .ruff_cache
	find tools tests mnist_nb nbs -name __pycache__ -prune -exec rm -rf {} +
