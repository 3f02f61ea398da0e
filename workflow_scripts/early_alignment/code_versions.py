"""Which version of the library a script runs: a fingerprint that Snakemake follows as a param.

Snakemake notices an edited script but not an edited module that the script imports. A rule therefore carries the
fingerprint of all modules of this package that its script imports, directly or not. Comments and docstrings do not
count, so only a change that could change a result makes one stale.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
SCRIPTS = PACKAGE.parent


@cache
def code_version(script: str, *modules: str, without: tuple[str, ...] = ()) -> str:
    """The fingerprint of the package's modules that a script imports.

    Args:
        script: The script's file name.
        modules: Paths in this package of modules that the script imports by a name that is only known when it
            runs, as it does the format of a data set.
        without: Paths of modules that it imports for other scripts' sake.
    """
    digest = hashlib.sha256()
    named = {PACKAGE / module for module in modules}
    left_out = {PACKAGE / module for module in without}
    for module in sorted(modules_behind(SCRIPTS / script, *named) - left_out):
        digest.update(ast.dump(_tree(module)).encode())
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
def _tree(path: Path) -> ast.Module:
    """The syntax tree without docstrings."""
    tree = ast.parse(path.read_text(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return tree


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package's files that a file names in import statements, wherever in the file these are."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = path.parents[node.level - 1]
            elif node.module and node.module.split(".")[0] == PACKAGE.name:
                base = SCRIPTS
            else:
                continue
            base = base.joinpath(*(node.module or "").split("."))
            for candidate in (base, *(base / alias.name for alias in node.names)):
                found |= {file for file in (candidate.with_suffix(".py"), candidate / "__init__.py") if file.is_file()}
    return frozenset(found)
