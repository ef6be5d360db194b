# The course's commands; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN    := $(BIN)/python
STAMP  := $(VENV)/.installed
NB     ?=

# As in tools/run_course.py: torch's warning about fastai's use of torch.jit.script tells a reader nothing.
lab: export PYTHONWARNINGS := ignore:`torch.jit.script` is deprecated:FutureWarning

.DEFAULT_GOAL := help
.PHONY: help course execute test export bench site lab serve clean

help: ## list these targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' Makefile | awk '{name = $$1; $$1 = ""; printf "  %-8s%s\n", name, $$0}'

# Stamped last, so that an installation that stops half-way is taken up again.
$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed. Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("The course needs Python 3.10 or newer, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -e '.[dev]'
	@touch $@

course: $(STAMP) ## run every notebook on copies, then build the site from them into _docs/
	$(RUN) tools/run_course.py course

execute: $(STAMP) ## run every notebook and store its outputs in nbs/ (one only: NB=03_cnn)
	$(RUN) tools/run_course.py execute $(NB)

test: $(STAMP) ## check everything: notebooks, library, site, wheel, workflows, style
	@$(RUN) tools/check.py

export: $(STAMP) ## write the library from the notebooks, and clean the notebooks
	$(RUN) tools/notebooks.py
	$(BIN)/nbdev-export
	$(BIN)/nbdev-clean

bench: $(STAMP) ## time our recipes against their peers (an hour); results go to mnist_nb/assets/benchmarks/
	$(RUN) tools/bench.py

site: $(STAMP) ## build the site from the stored notebooks into _docs/
	$(RUN) tools/build_site.py

lab: $(STAMP) ## open the front page and the chapters in JupyterLab
	$(RUN) -m jupyterlab nbs/index.ipynb

serve: $(STAMP) ## show the built site at http://localhost:8000
	@test -f _docs/index.html || { echo "There is no site yet. Build it with: make course (or make site)" >&2; exit 1; }
	$(RUN) -m http.server 8000 --bind 127.0.0.1 --directory _docs

clean: ## remove what was built (keeps .venv)
	rm -rf _docs _proc _course build dist *.egg-info .pytest_cache .ruff_cache
	find tools tests mnist_nb nbs -name __pycache__ -prune -exec rm -rf {} +
