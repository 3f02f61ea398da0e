"""Which version of the code a job runs: a fingerprint that Snakemake follows as a param.

Snakemake compares the dates of scripts, which a fresh clone changes, and does not look at the modules that a script
imports. A rule therefore carries the fingerprint of its script and of all modules of the library that it imports,
directly or not, and profiles/default turns the comparison of dates off. What is for people alone does not count (see
the module `plain_code`), so only a change that could change a result makes one stale.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from .plain_code import PlainCode, reached

SCRIPTS = Path(__file__).parents[1]
PACKAGE = SCRIPTS / "early_alignment"
WITHOUT_RESULTS = ("errors.py", "logs.py", "files.py", "training/watching.py")
"""Modules of which no result depends: what a user is told instead of one, where a job prints, that a file has its name
only when it is whole, and what there is to watch while a network trains."""


@cache
def code_version(script: str, *modules: str) -> str:
    """The fingerprint of a script and of the package's modules that it imports.

    Args:
        script: The script's file name.
        modules: Paths in the library of modules that the script imports by a name that is only known when it
            runs, as it does the format of a data set.
    """
    digest = hashlib.sha256()
    named = {PACKAGE / module for module in modules}
    left_out = {PACKAGE / module for module in WITHOUT_RESULTS}
    files = (SCRIPTS / script, *sorted(modules_behind(SCRIPTS / script, *named) - left_out))
    for text in reached([_plain(file) for file in files]):
        digest.update(text.encode())
    return digest.hexdigest()[:12]


def modules_behind(script: Path, *modules: Path) -> set[Path]:
    """The package's files that a script imports, directly or through others, and the given ones."""
    found, waiting = set(modules), [script, *modules]
    while waiting:
        for module in _imports(waiting.pop()) - found:
            found.add(module)
            waiting.append(module)
    return found


@cache
def _plain(path: Path) -> PlainCode:
    return PlainCode(path.read_text(encoding="utf-8"), PACKAGE.name)


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package's files that a file names in import statements, wherever in the file these are."""
    found = set()
    for node in ast.walk(_plain(path).tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            candidates = [SCRIPTS.joinpath(*name.split(".")) for name in names if _is_of_package(name)]
        elif isinstance(node, ast.ImportFrom) and (node.level or _is_of_package(node.module)):
            base = path.parents[node.level - 1] if node.level else SCRIPTS
            base = base.joinpath(*(node.module or "").split("."))
            candidates = [base, *(base / alias.name for alias in node.names)]
        else:
            continue
        for place in candidates:
            found |= {file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}
    return frozenset(found)


def _is_of_package(name: str) -> bool:
    return name.split(".")[0] == PACKAGE.name
