"""Code as far as it can change a result: without what is for people alone, and written as every Python writes it.

Left out are comments, layout and the order of imports, docstrings, type annotations, the words of errors and warnings,
what is printed or logged, and what is computed for such words alone: assignments to names that nothing reads any more.
A string that is passed on to another function counts, whatever it is for.

Functions, methods and constants that are strings are parts, which count where something reads their names: so the code
of a data set's responses is not behind its features, though both are in one class.

The rest is written from the syntax tree: `ast.unparse` quotes f-strings in another way since Python 3.12, and
`ast.dump` gains fields with new Pythons. Here fields come in the order of their names and those that are empty are left
out, so a field that a Python adds shows nowhere until code uses it.
"""

import ast
from collections import defaultdict
from typing import NamedTuple, TypeGuard

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BY_NAME = {"getattr", "hasattr", "attrgetter", "methodcaller"}
"""Functions that read what a string names; a name that is made when the code runs is not seen."""
PLAIN_DECORATORS = {"property", "cached_property", "classmethod", "staticmethod", "cache", "contextmanager"}
"""Decorators that leave it to others to call a function; another may note it down somewhere."""
LAYOUT = {"lineno", "col_offset", "end_lineno", "end_col_offset", "ctx", "kind", "type_comment", "type_params"}
"""Fields that say where code is, or what a tree says elsewhere or for type checkers alone."""
TELLING = {"print", "warnings.warn", "sys.stdout.write", "sys.stderr.write", "sys.stdout.flush", "sys.stderr.flush"}
"""Functions that tell people something and give nothing back."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
"""Methods of loggers, likewise."""


class Part(NamedTuple):
    """A piece of code that counts if its name is read, or if its class is not known whole."""

    owner: str
    """The class that it is in, or nothing."""
    name: str
    text: str
    reads: set[str]
    """The names that it may read: of variables, of attributes, or as `getattr` takes them."""


class PlainCode:
    """A file's code: parts, and the rest, which counts always.

    Args:
        source: The file's content.
        package: The name of the package whose imports always count.

    Raises:
        SyntaxError: It is no Python.
    """

    def __init__(self, source: str, package: str):
        self.tree = _WithoutWords().visit(ast.parse(source))
        _drop_unread_imports(self.tree, package)
        classes = {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}
        self.bases = {name: {_dotted(base) for base in node.bases} for name, node in classes.items()}
        """Class → the classes that it is derived from."""
        parts: dict[ast.AST, tuple[str, str]] = {}
        for owner, place in (("", self.tree), *classes.items()):
            parts |= {node: (owner, name) for node in place.body if (name := _name_of_part(node))}
        self.parts = [Part(*names, _written(node), _reads(node)) for node, names in parts.items()]
        self.text = _written(self.tree, parts)
        self.reads = _reads(self.tree, parts)


def reached(codes: list[PlainCode]) -> list[str]:
    """What of several files' code may do something once they are run or imported: the rests, and parts that are read.

    Methods of classes that are derived from others than the files' own are called by code that is not seen here.
    """
    bases = defaultdict(set)
    for name, names in (item for code in codes for item in code.bases.items()):
        bases[name] |= names
    unknown, before = set(), None
    while unknown != before:
        before = set(unknown)
        unknown |= {name for name, names in bases.items() if not names <= bases.keys() - unknown}
    parts = [part for code in codes for part in code.parts]
    reads = set().union(*(code.reads for code in codes))
    found, before = set(), None
    while found != before:
        before = set(found)
        found |= {i for i, part in enumerate(parts) if part.name in reads or part.owner in unknown}
        reads.update(*(parts[i].reads for i in found - before))
    texts = [f"{parts[i].owner}.{parts[i].text}" for i in sorted(found)]
    return [*(code.text for code in codes), *texts]


class _WithoutWords(ast.NodeTransformer):
    """Take out what is for people: docstrings, annotations, words of errors, prints."""

    def __init__(self):
        self._is_class = [False]

    def _visit_place(self, node, is_class: bool):
        self._is_class.append(is_class)
        self.generic_visit(node)
        self._is_class.pop()
        return node

    def visit_ClassDef(self, node):
        return self._visit_place(node, True)

    def visit_FunctionDef(self, node):
        node.returns = None
        self._visit_place(node, False)
        _drop_unread_assignments(node)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_TypeAlias(self, node):
        return None

    visit_Pass = visit_TypeAlias

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        kind = ast.unparse(node.annotation)
        if kind.endswith("TypeAlias"):
            return None
        # In a class, an annotation makes a field of a named tuple or of a dataclass, in the order of their names.
        if self._is_class[-1] and not kind.startswith(("ClassVar", "typing.ClassVar")):
            node.annotation = None
            return node
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_If(self, node):
        if _dotted(node.test).endswith("TYPE_CHECKING"):
            node.body = []
        self.generic_visit(node)
        return _with_effect(node)

    def visit_Expr(self, node):
        self.generic_visit(node)
        return None if isinstance(node.value, ast.Constant) or _tells(node.value) else node

    def visit_Assert(self, node):
        node.msg = None
        return self.generic_visit(node)

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        node.cause = None
        return self.generic_visit(node)

    def visit_Call(self, node):
        self.generic_visit(node)
        name = _dotted(node.func).rpartition(".")[2]
        if name.endswith(("Error", "Warning")):
            node.args, node.keywords = [], []
        if name == "tqdm":  # a bar's words and pace
            node.keywords = []
        return node

    def visit_Import(self, node):
        return [ast.Import([alias]) for alias in node.names]

    def visit_ImportFrom(self, node):
        return [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]


class _WithoutStrings(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        self.generic_visit(node)
        node.values = [value for value in node.values if not isinstance(value, ast.Constant)]
        return node


def _tells(call: ast.expr) -> bool:
    """Whether an expression tells people something and does nothing else; `print` to a file of data is no such."""
    if not isinstance(call, ast.Call):
        return False
    name = _dotted(call.func)
    streams = {_dotted(word.value) for word in call.keywords if word.arg == "file"}
    told = name in TELLING and streams <= {"sys.stdout", "sys.stderr"}
    *owner, method = name.split(".")
    return told or (method in LEVELS and any(part.lower().startswith("log") for part in owner))


def _drop_unread_assignments(function) -> None:
    """Take out of a function what it assigns to names of its own that it never reads.

    A call may do something beside, so one is kept, without the words in it.
    """
    kept = {name for n in ast.walk(function) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    # In place, `x += 1` changes what others hold too.
    kept |= {n.target.id for n in ast.walk(function) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    assignments = [node for node in _walk(function, ast.ClassDef) if isinstance(node, ast.Assign) and _targets(node)]
    reads = {node: {name for name in ast.walk(node.value) if _is_read(name)} for node in assignments}
    live = kept | {name.id for name in set(filter(_is_read, ast.walk(function))).difference(*reads.values())}
    unread, before = assignments, None
    while unread != before:
        before = unread
        unread = [node for node in before if not live & set(_targets(node))]
        live |= {name.id for node in set(before) - set(unread) for name in reads[node]}
    _WithoutUnread(set(unread), live).visit(function)


class _WithoutUnread(ast.NodeTransformer):
    """Take out assignments, and the names of errors that are not live."""

    def __init__(self, unread, live):
        self._unread, self._live = unread, live

    def visit(self, node):
        if node in self._unread:
            is_plain = len(_targets(node)) == 1 and not _does_something(node.value)
            return None if is_plain else ast.Expr(_WithoutStrings().visit(node.value))
        if isinstance(node, ast.ExceptHandler) and node.name not in self._live:
            node.name = None
        self.generic_visit(node)
        return _with_effect(node) if isinstance(node, ast.If) else node


def _with_effect(branch: ast.If):
    """A branch, or what is left of it where nothing depends on it."""
    if branch.body or branch.orelse:
        return branch
    return ast.Expr(branch.test) if _does_something(branch.test) else None


def _does_something(value: ast.expr) -> bool:
    kinds = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
    return any(isinstance(node, kinds) for node in ast.walk(value))


def _targets(node: ast.Assign) -> list[str]:
    """The names that a statement assigns to, if it assigns to nothing else."""
    parts = [part for target in node.targets for part in getattr(target, "elts", [target])]
    return [part.id for part in parts] if all(isinstance(part, ast.Name) for part in parts) else []


def _walk(node, *kinds, left_out=()):
    """A node and all nodes below it, but for what is in nodes of these kinds or is left out."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, kinds) and child not in left_out:
            yield from _walk(child, *kinds, left_out=left_out)


def _is_read(node) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _is_of(package: str, node: ast.Import | ast.ImportFrom) -> bool:
    """Whether what is imported is the package's."""
    module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
    return getattr(node, "level", 0) > 0 or module.split(".")[0] == package


def _drop_unread_imports(tree: ast.Module, package: str) -> None:
    """Take out the imports of other packages whose names nothing reads any more, such as `sys` for its streams."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if _is_read(node)}

    def is_kept(node) -> bool:
        if not isinstance(node, IMPORTS) or _is_of(package, node):
            return True
        return (node.names[0].asname or node.names[0].name).split(".")[0] in {*names, "*"}

    for node in nodes:
        for field in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, field, None), list):
                setattr(node, field, [statement for statement in statements if is_kept(statement)])


def _name_of_part(node) -> str | None:
    """The name of what does nothing until something reads it, in a module or a class: a function, a string, a dict."""
    if isinstance(node, FUNCTIONS):
        called_unseen = node.name.startswith("__") and node.name.endswith("__")
        plain = all(_dotted(decorator).split(".")[-1] in PLAIN_DECORATORS for decorator in node.decorator_list)
        return node.name if plain and not called_unseen else None
    is_plain = isinstance(node, ast.Assign) and (_is_string(node.value) or _is_plain_dict(node.value))
    if is_plain and len(node.targets) == 1:
        return _targets(node)[0] if _targets(node) else None
    return None


def _is_plain_dict(value: ast.expr) -> bool:
    """Whether a value is a dict that is written out, or one that another is joined with, and calls nothing."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.BitOr) and _is_plain_dict(value.right)
    written_out = (ast.Dict, ast.List, ast.Tuple, ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.BitOr, ast.Load)
    return isinstance(value, ast.Dict) and all(isinstance(part, written_out) for part in ast.walk(value))


def _is_string(value: ast.expr) -> bool:
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _reads(node, left_out=(), own: frozenset[str] | set[str] = frozenset()) -> set[str]:
    """The names that a node may read, but for those that are a function's own variables, and for what is left out."""
    if isinstance(node, FUNCTIONS):
        # What a default or a decorator reads is read outside the function.
        own_names, outside = _own_names(node), (node.args, *node.decorator_list)
        return set().union(*(_reads(part, own=own_names) for part in node.body), *map(_reads, outside))
    found = set()
    for inner in _walk(node, left_out=left_out):
        if _is_read(inner) and inner.id not in own:
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
        elif isinstance(inner, ast.alias) and inner.asname:
            found.add(inner.name)
        elif isinstance(inner, ast.Call) and _dotted(inner.func).split(".")[-1] in BY_NAME:
            constants = (word.value for word in inner.args if isinstance(word, ast.Constant))
            found |= {value for value in constants if isinstance(value, str)}
    return found


def _own_names(function) -> set[str]:
    """The names that are a function's own variables, and so stand for nothing outside it."""
    nodes = [inner for child in ast.iter_child_nodes(function) for inner in _walk(child)]
    elsewhere = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    arguments = {node.arg for node in ast.iter_child_nodes(function.args) if isinstance(node, ast.arg)}
    stored = {
        node.id
        for statement in function.body
        if not isinstance(statement, SCOPES)
        for node in _walk(statement, *SCOPES)
        if isinstance(node, ast.Name) and not _is_read(node)
    }
    return (arguments | stored) - elsewhere


def _dotted(node: ast.AST) -> str:
    """`a.b.c` for such an expression and for `a.b().c`, of any other its end."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def _written(node, left_out=()) -> str:
    """A tree as text that is the same under every Python."""
    if isinstance(node, list):
        return f"[{','.join(_items(node, left_out))}]"
    if isinstance(node, ast.Constant):
        return ascii(node.value)  # `repr` asks the Unicode version which letters can be printed
    if not isinstance(node, ast.AST):
        return ascii(node)
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr[{','.join(_pieces(node.values))}]"
    fields = ((field, getattr(node, field, None)) for field in sorted(set(node._fields) - LAYOUT))
    written = [f"{field}={_written(value, left_out)}" for field, value in fields if value is not None and value != []]
    return f"{type(node).__name__}({','.join(written)})"


def _items(nodes: list, left_out) -> list[str]:
    """What a list holds, with imports that follow each other sorted."""
    items, imports = [], []
    for node in nodes:
        if node in left_out:
            continue
        if isinstance(node, IMPORTS):
            imports.append(_written(node))
            continue
        items += [*sorted(imports), _written(node, left_out)]
        imports = []
    return items + sorted(imports)


def _pieces(values: list) -> list[str]:
    """The parts of an f-string, with strings that follow each other in one."""
    pieces, string = [], ""
    for value in values:
        if isinstance(value, ast.Constant):
            string += str(value.value)
            continue
        pieces += [ascii(string)] * bool(string) + [_written(value)]
        string = ""
    return pieces + [ascii(string)] * bool(string)
