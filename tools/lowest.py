"""Print pip's constraints for the lowest versions that pyproject.toml allows: `name>=1.2` becomes `name==1.2`.

python tools/lowest.py > lowest.txt && python -m pip install -c lowest.txt -e '.[dev]'
"""

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_BOUND = re.compile(r"([\w.-]+)\s*>=\s*([\w.]+)\s*(;.*)?")


def declared(path=PYPROJECT):
    "All requirements that the file at `path` declares, those of its extras too, but not the extras it asks of itself"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    found = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    return [requirement for requirement in found if not requirement.startswith(f"{project['name']}[")]


def lowest(requirement):
    "The constraint to the lowest version of `requirement`; `ValueError` unless it has a lower bound and nothing else"
    found = _BOUND.fullmatch(requirement)
    if not found:
        raise ValueError(f"expected a lower bound only, such as torch>=2.3, got {requirement!r}: mend pyproject.toml")
    name, version, marker = found.groups()
    return f"{name}=={version}{marker or ''}"


if __name__ == "__main__":
    print("\n".join(map(lowest, declared())))
