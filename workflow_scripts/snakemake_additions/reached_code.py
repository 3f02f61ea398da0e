"""Which functions of some files count: those that code which counts reads by name.

A module serves several scripts, as a data set's format does that gives images to one and responses to another. Whose
name is read is not asked, so that rather too many functions count than too few. What always counts: code outside
functions, methods with names of Python's own, functions with decorators that might call them, and the methods of
classes that extend another package's, which that may call.
"""

import ast
from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ATTRIBUTES = {"property", "cached_property"}
"""Decorators of methods that are read by name."""


class Part(NamedTuple):
    """A function of a module or class, or what is left of the module without its functions."""

    text: str
    reads: frozenset[str]
    """The names that it reads, of variables and of attributes."""
    name: str = ""
    """The function's, or none if it counts in any case."""
    owner: str = ""
    """The class that the function is of, if any."""


class Parts(NamedTuple):
    """The parts of a file."""

    parts: list[Part]
    bases: dict[str, list[str]]
    """Class → what it extends, as written; what is written with a point is taken for another package's."""


def parted(tree: ast.Module) -> Parts:
    """Take a file apart."""
    functions, bases = [], {}

    def rest(place, owner: str = ""):
        """A copy of a module or class without its functions that might not count."""
        left = copy(place)
        left.body = [node for node in place.body if not _is_read_by_name(node)]
        functions.extend((owner, node) for node in place.body if _is_read_by_name(node))
        return left

    module = rest(tree)
    for i, node in enumerate(module.body):
        if isinstance(node, ast.ClassDef):
            module.body[i] = rest(node, node.name)
            bases[node.name] = [ast.unparse(base) for base in node.bases]
    parts = [Part(f"{owner}\n{ast.unparse(node)}", _reads(node), node.name, owner) for owner, node in functions]
    return Parts([Part(ast.unparse(module), _reads(module)), *parts], bases)


def reached(files: Iterable[Parts]) -> list[str]:
    """The code of all parts that count, file by file."""
    files = list(files)
    bases = {name: extended for file in files for name, extended in file.bases.items()}
    parts = [part for file in files for part in file.parts]
    names, counted = set(), set()
    while new := {i for i, part in enumerate(parts) if _counts(part, names, bases)} - counted:
        counted |= new
        names = names.union(*(parts[i].reads for i in new))
    return [parts[i].text for i in sorted(counted)]


def _counts(part: Part, names: set[str], bases: dict[str, list[str]]) -> bool:
    return not part.name or part.name in names or _extends_others(part.owner, bases)


def _extends_others(owner: str, bases: dict[str, list[str]]) -> bool:
    return any(base not in bases or _extends_others(base, bases) for base in bases.get(owner, ()))


def _is_read_by_name(node: ast.stmt) -> bool:
    """Whether it is a function that counts only if its name is read."""
    if not isinstance(node, FUNCTIONS) or (node.name.startswith("__") and node.name.endswith("__")):
        return False
    return {ast.unparse(decorator) for decorator in node.decorator_list} <= ATTRIBUTES


def _reads(tree: ast.AST) -> frozenset[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias) and node.asname:
            names.add(node.name)
    return frozenset(names)
