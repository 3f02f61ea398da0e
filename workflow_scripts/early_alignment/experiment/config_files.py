"""What a config's YAML says that its values no longer show: keys given twice, and numbers written in other ways."""

import re
from pathlib import Path

import yaml

from ..errors import InputError

NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|(0|[1-9]\d*)?\.\d+|(0|[1-9]\d*)\.)([eE][-+]?\d+)?")
"""How people write numbers. YAML also knows 010 (8), 1_0 (10), 0x10 (16) and 1:30 (90)."""


def read(file) -> tuple[list[InputError], dict[tuple, str]]:
    """Look over a config file that YAML can read; JSON is YAML.

    Returns:
        An error for every key that is given twice and every number that is read as another than it seems; and key path
        → text of every value that is read as true, false or a date and written in another way, for messages.
    """
    # JSON may be indented by tabs, which YAML refuses; elsewhere a tab is as good as a space here.
    tree = yaml.compose(Path(file).read_text(encoding="utf-8").replace("\t", " "), Loader=yaml.SafeLoader)
    errors, written = {}, {}  # errors by node, since an alias is the same node again
    for path, node in nodes(tree):
        if isinstance(node, yaml.MappingNode):
            errors.setdefault(node, [twice(file, path, first, second) for first, second in repeated(node)])
        elif isinstance(node, yaml.ScalarNode) and node.style is None:
            kind = node.tag.rpartition(":")[2]
            if kind in ("int", "float") and not NUMBER.fullmatch(node.value) and not is_not_finite(node.value):
                errors.setdefault(node, [misread(file, path, node)])
            elif kind in ("bool", "timestamp") and node.value.lower() not in ("true", "false"):
                written[path] = node.value
    return [error for of_node in errors.values() for error in of_node], written


def nodes(node, path: tuple = (), above: tuple = ()):
    """(key path, node) of a node and all below it; places in lists are numbers.

    Raises:
        InputError: A node is within itself, by an alias.
    """
    if node is None:
        return
    if any(node is other for other in above):
        mark = node.start_mark
        raise InputError(
            f"the config, line {mark.line + 1}", "an alias within what it stands for", "its end", "remove the alias"
        )
    yield path, node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from nodes(value, path if is_merge(key) else (*path, key.value), (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from nodes(item, (*path, place), (*above, node))


def repeated(node: yaml.MappingNode):
    """Pairs of a key and the same key again. What a merge key brings in may be given again."""
    first = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and not is_merge(key) and first.setdefault(key.value, key) is not key:
            yield first[key.value], key


def is_merge(key) -> bool:
    """Whether a key is `<<`, which brings in the keys of another mapping."""
    return key.tag == "tag:yaml.org,2002:merge"


def is_not_finite(text: str) -> bool:
    """Whether YAML reads infinity or no number, which the schema's errors name."""
    return text.lower().lstrip("+-") in (".inf", ".nan")


def twice(file, path: tuple, first: yaml.Node, second: yaml.Node) -> InputError:
    """The error of a key that is given twice."""
    name = ".".join(map(str, (*path, second.value)))
    return InputError(
        f"{file}, line {second.start_mark.line + 1}",
        f"the key {name} again, after line {first.start_mark.line + 1}",
        "every key once: YAML would take the last and say nothing",
        "remove one of them",
    )


def misread(file, path: tuple, node: yaml.ScalarNode) -> InputError:
    """The error of a number that is written as nobody reads it."""
    value = yaml.safe_load(node.value)
    return InputError(
        f"{file}, line {node.start_mark.line + 1}, {'.'.join(key for key in path if isinstance(key, str))}",
        f"{node.value}, which YAML reads as {value}",
        "a number in plain decimal digits, or text in quotes",
        f'write {value}, or "{node.value}" if it is a name',
    )
