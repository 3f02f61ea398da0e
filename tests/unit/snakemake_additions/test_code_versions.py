"""What of the code a fingerprint is of: all that can change a result, and nothing that is for people alone."""

import ast
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, environment_with
from PIL import Image
from snakemake_additions import code_versions
from snakemake_additions.plain_code import PlainCode, reached

pytestmark = pytest.mark.long

SCRIPTS = REPOSITORY / "workflow_scripts"
FORMATS = ("algonauts2023", "things_eeg2", "nsd", "responses", "rdms")
CACHED = (code_versions.code_version, code_versions._plain, code_versions._imports)


class Tree:
    """A copy of all scripts and of the library, whose files can be edited."""

    def __init__(self, scripts: Path):
        self.scripts = scripts

    @property
    def files(self) -> list[Path]:
        return sorted([*self.scripts.glob("*.py"), *(self.scripts / "early_alignment").rglob("*.py")])

    def versions(self) -> dict[str, str]:
        """Script, or script and format where a script opens data sets → fingerprint."""
        for function in CACHED:
            function.cache_clear()
        found = {path.name: code_versions.code_version(path.name) for path in sorted(self.scripts.glob("*.py"))}
        for format_ in FORMATS:
            module = f"datasets/{format_}.py"
            for script in ("list_stimuli.py", "extract_features.py", "read_responses.py"):
                found[script, format_] = code_versions.code_version(script, module)
        return found

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.scripts / file
        assert path.read_text().count(old) == 1, (file, old)
        path.write_text(path.read_text().replace(old, new))

    def changed_by(self, *edit: str) -> set:
        """The scripts, and scripts with formats, that have another fingerprint after an edit."""
        before = self.versions()
        self.edit(*edit)
        after = self.versions()
        return {key for key in before if before[key] != after[key]}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    scripts = shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_versions, "SCRIPTS", scripts)
    monkeypatch.setattr(code_versions, "PACKAGE", scripts / "early_alignment")
    yield Tree(scripts)
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def version(tmp_path, monkeypatch):
    """The fingerprint of a script, given its content and that of a module `sums` of the library."""
    package = tmp_path / "early_alignment"
    package.mkdir()
    monkeypatch.setattr(code_versions, "SCRIPTS", tmp_path)
    monkeypatch.setattr(code_versions, "PACKAGE", package)

    def version(script: str, module: str = "") -> str:
        (tmp_path / "script.py").write_text(script)
        (package / "sums.py").write_text(module)
        for function in CACHED:
            function.cache_clear()
        return code_versions.code_version("script.py")

    yield version
    for function in CACHED:
        function.cache_clear()


def test_the_library_code_behind_a_job_is_followed():
    behind = {path.name for path in code_versions.modules_behind(SCRIPTS / "align.py")}
    assert behind == {
        *(
            "__init__.py",
            "alignment.py",
            "epochs.py",
            "errors.py",
            "half_precision.py",
            "inner_products.py",
            "logs.py",
            "measures.py",
        ),
        *("pairs.py", "rdms.py", "schemes.py"),
    }
    script, format_ = SCRIPTS / "read_responses.py", "datasets/things_eeg2.py"
    behind = {path.name for path in code_versions.modules_behind(script, code_versions.PACKAGE / format_)}
    assert {"things_eeg2.py", "base.py", "published_pickles.py"} <= behind
    assert not {"algonauts2023.py", "rdms.py"} & behind
    behind = {path.name for path in code_versions.modules_behind(SCRIPTS / "gather_accuracy.py")}
    assert behind == {"__init__.py", "epochs.py", "errors.py", "logs.py", "tables.py"}
    # No figure of training is drawn again for other code of RDMs, measures or alignment.
    behind = {path.name for path in code_versions.modules_behind(SCRIPTS / "plot_training.py")}
    assert behind == {"__init__.py", "epochs.py", "errors.py", "layout.py", "logs.py", "tables.py", "training.py"}


@pytest.mark.parametrize("imported", ["import early_alignment.sums", "from early_alignment import sums", "import os"])
def test_a_fingerprint_is_of_the_script_and_of_what_it_imports_however(version, imported):
    plain = version(f"{imported}\nx = 1\n", "y = 1\n")
    assert version(f'"""What for."""\n\n\n{imported}\nx = (  # why\n    1\n)\n', "y = 1  # one\n") == plain
    assert version(f"{imported}\nx = 2\n", "y = 1\n") != plain
    assert (version(f"{imported}\nx = 1\n", "y = 2\n") != plain) == ("sums" in imported)


FUNCTION = "def f(rows, n=2):\n{}\n    return rows[n:] * 2\nf([])\n"
SAME = {
    "docstring": ("    '''One.'''", "    '''Two.'''"),
    "raise": (
        "    if n > 3:\n        raise ValueError(f'{n} rows')",
        "    if n > 3:\n        raise ValueError('too many') from None",
    ),
    "words made before": (
        "    if n > 3:\n        raise E(n)",
        "    kind = 'rows' if n else f'{n} rows'\n    if n > 3:\n        found = kind + '!'\n        raise E(found)",
    ),
    "words made by a call": (
        "    first = ', '.join(map(str, rows))\n    if n > 3:\n        raise E('no: ' + first)",
        "    first = '; '.join(map(str, rows))\n    if n > 3:\n        raise E('not: ' + first)",
    ),
    "print": ("    pass", "    print('so many', n, flush=True)"),
    "print for some": ("    pass", "    if n > 3:\n        print('so many', n)"),
    "print to the error stream": ("    pass", "    import sys\n    print('so many', n, file=sys.stderr)"),
    "warning": ("    pass", "    import warnings\n    warnings.warn('so many')"),
    "log": ("    pass", "    import logging\n    logging.getLogger().info('so many')\n    logging.info('x')"),
    "assertion's words": ("    assert n, 'none'", "    assert n"),
    "error's name": (
        "    try:\n        n = int(n)\n    except ValueError:\n        raise E('no') from None",
        "    try:\n        n = int(n)\n    except ValueError as error:\n        raise E(f'no: {error}')",
    ),
    "local annotation": ("    m: int = n\n    n = m + 1", "    m = n\n    n = m + 1"),
    "error that is given": (
        "    errors = [InputError('a')]\n    use(errors)",
        "    errors = [InputError(n, 1)]\n    use(errors)",
    ),
    "bar": ("    rows = list(tqdm(rows))", "    rows = list(tqdm(rows, unit='rows'))"),
}
OTHER = {
    "which error": ("    if n > 3:\n        raise ValueError(1)", "    if n > 3:\n        raise KeyError(1)"),
    "when": ("    if n > 3:\n        raise ValueError(1)", "    if n >= 3:\n        raise ValueError(1)"),
    "call whose value nobody reads": ("    _ = next(rows)", "    pass"),
    "arguments of such a call": ("    _ = rows.pop(1)", "    _ = rows.pop(2)"),
    "change in place": ("    row = rows[0]\n    row += 1", "    row = rows[0]"),
    "what is changed in place": ("    row = rows[0]\n    row += 1", "    row = rows[1]\n    row += 1"),
    "print into a file": ("    print(n, file=rows)", "    print(n + 1, file=rows)"),
    "string that is read": ("    n = {'a': n}['a']", "    n = {'b': n}['b']"),
    "global": ("    global m\n    m = 1", "    global m\n    m = 2"),
    "class in a function": ("    class A:\n        x = 1\n    n = A.x", "    class A:\n        x = 2\n    n = A.x"),
    "closure": (
        "    def g():\n        nonlocal n\n        n = 1\n    g()",
        "    def g():\n        nonlocal n\n        n = 2\n    g()",
    ),
    "unpacking": ("    a, b = rows", "    pass"),
}


@pytest.mark.parametrize("one, two", SAME.values(), ids=SAME)
def test_what_is_for_people_is_not_in_a_fingerprint(version, one, two):
    assert version(FUNCTION.format(one)) == version(FUNCTION.format(two))


@pytest.mark.parametrize("one, two", OTHER.values(), ids=OTHER)
def test_what_may_change_a_result_is_in_a_fingerprint(version, one, two):
    assert version(FUNCTION.format(one)) != version(FUNCTION.format(two))


def test_annotations_are_not_in_a_fingerprint_and_fields_and_defaults_are(version):
    plain = version("class A(NamedTuple):\n    x: int\n    y: str = 'a'\ndef f(a, *b, c=1): return a\nf(A)")
    typed = (
        "class A(NamedTuple):\n    x: float\n    y: str | None = 'a'\n"
        "def f(a: int, *b: str, c: int = 1) -> int: return a\nf(A)"
    )
    assert version(typed) == plain
    assert version(f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n{typed}") == plain
    assert version(f"from typing import TypeAlias\nRows: TypeAlias = 'list[int]'\n{typed}") == plain
    assert version(typed.replace("= 1", "= 2")) != plain
    assert version(typed.replace("'a'", "'b'")) != plain
    assert version("class A(NamedTuple):\n    y: str = 'a'\n    x: int\ndef f(a, *b, c=1): return a\nf(A)") != plain


def test_a_modules_string_counts_where_anything_may_read_it(version):
    for script in ("from early_alignment import sums\nuse(sums.KEY)", "from early_alignment.sums import KEY\nuse(KEY)"):
        assert version(script, "KEY = 'a'") != version(script, "KEY = 'b'")
    by_name = "from early_alignment import sums\nuse(getattr(sums, 'KEY'))"
    assert version(by_name, "KEY = 'a'") != version(by_name, "KEY = 'b'")
    script = "from early_alignment import sums\nsums.f()"
    told, read = "KEY = '{}'\ndef f(): raise ValueError(KEY)", "KEY = '{}'\ndef f(): return {{KEY: 1}}"
    assert version(script, told.format("a")) == version(script, told.format("b"))
    assert version(script, read.format("a")) != version(script, read.format("b"))
    assert version(script, "KEY = 1") != version(script, "KEY = 2")
    member = "class Kind(Enum):\n    KEY = '{}'"
    assert version(script, member.format("a")) != version(script, member.format("b"))


def test_the_order_and_grouping_of_imports_are_layout(version):
    one = version("from os import path, sep\nimport sys\nuse(path, sep, sys)")
    assert version("import sys\nfrom os import (\n    sep,\n    path,\n)\nuse(path, sep, sys)") == one
    assert version("import sys\nfrom os import sep\nfrom posix import path\nuse(path, sep, sys)") != one


class Reworded(ast.NodeTransformer):
    """Other words wherever code tells something, and more of it; `n_raises` counts the errors."""

    def __init__(self):
        self.n_raises = 0

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        start = 1 if ast.get_docstring(node) is not None else 0
        told = ast.parse("'''What it does, in other words.'''\nprint('so far', flush=True)\n").body
        node.body[:start] = told
        node.returns = ast.Name("Anything")
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            argument.annotation = ast.Name("Anything")
        return node

    def visit_Raise(self, node):
        self.n_raises += 1
        if isinstance(node.exc, ast.Call):
            node.exc.args = [ast.Constant("other words")]
            node.exc.keywords = []
        return node

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "print":
            node.value.args = [ast.Constant("other words")]
        return node


def test_other_words_in_any_module_make_nothing_stale(tree):
    before, n_raises = tree.versions(), 0
    for file in tree.files:
        reworded = Reworded()
        # Written anew from its tree, a file has another layout and no comments.
        code = ast.unparse(ast.fix_missing_locations(reworded.visit(ast.parse(file.read_text()))))
        assert code != file.read_text()
        file.write_text(f"# Other words.\n{code}\n")
        n_raises += reworded.n_raises
    assert n_raises > 100
    assert tree.versions() == before


def test_modules_of_which_no_result_depends_make_nothing_stale(tree):
    before = tree.versions()
    for file in code_versions.WITHOUT_RESULTS:
        path = tree.scripts / "early_alignment" / file
        path.write_text(path.read_text() + "\nEDITED = True\n")
    assert tree.versions() == before


SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.LtE, ast.Eq: ast.NotEq}


def places_of(tree: ast.Module) -> list[ast.AST]:
    """The numbers, operators and calls on which what a function gives back, or writes into an array, depends."""
    found = []

    def look(node, counts: bool) -> None:
        is_error = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "tqdm"))
        if isinstance(node, ast.Raise | ast.arguments) or is_error:
            return
        given = isinstance(node, ast.Return | ast.Yield | ast.AugAssign | ast.For)
        kept = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
        counts = counts or given or kept
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        swapped = isinstance(node, ast.BinOp) and type(node.op) in SWAPPED
        compared = isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED
        if counts and (number or swapped or compared or isinstance(node, ast.Call)):
            found.append(node)
        for child in ast.iter_child_nodes(node):
            # A loop decides by what it runs over; its body is looked at for itself.
            look(child, counts and not (isinstance(node, ast.For) and isinstance(child, ast.stmt)))

    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                look(statement, False)
    return list({id(node): node for node in found}.values())


def mutate(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        node.value += 1
    elif isinstance(node, ast.BinOp):
        node.op = SWAPPED[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPPED[type(node.ops[0])]()
    else:
        node.func = ast.Name("another_function")


def whole(source: str) -> tuple:
    """All of a file's code that counts where all of it is used."""
    code = PlainCode(source, "early_alignment")
    return (code.text, *(part[:3] for part in code.parts))


def test_any_other_number_operator_or_call_changes_the_fingerprint():
    draw, n_places = random.Random(1), 0
    for file in sorted((SCRIPTS / "early_alignment").rglob("*.py")):
        source = file.read_text()
        n = len(places_of(ast.parse(source)))
        plain = whole(source)
        for place in draw.sample(range(n), min(n, 3)):
            tree = ast.parse(source)
            node = places_of(tree)[place]
            mutate(node)
            assert whole(ast.unparse(tree)) != plain, f"{file}:{node.lineno}"
            n_places += 1
    assert n_places > 100


NSD_Z_SCORE = ("early_alignment/datasets/nsd.py", "trials.std(axis=0)", "trials.std(axis=0, ddof=1)")
RDM_FORMULA = ("early_alignment/geometry/rdms.py", "np.maximum(1 - condensed", "np.maximum(2 - condensed")
TRANSFORM = ("early_alignment/networks/images.py", "Resampling.BILINEAR", "Resampling.BICUBIC")
MESSAGE = (
    "early_alignment/datasets/base.py",
    "leave the region or the subject out of the config",
    "take the region or the subject out of the config",
)

DESCRIPTION = ("early_alignment/datasets/things_eeg2.py", "averaged over its images", "the mean over its images")
MEASURE = ("early_alignment/comparison/measures.py", "Measure(spearman,", "Measure(pearson,")


def jobs(script: str, *formats: str) -> set:
    return {(script, format_) for format_ in formats or FORMATS}


@pytest.mark.parametrize(
    "edit, concerned",
    [
        (MESSAGE, set()),
        (DESCRIPTION, set()),
        (MEASURE, {"align.py"}),
        (NSD_Z_SCORE, jobs("read_responses.py", "nsd")),
        # Alignments, of RDMs that are stale, import the module too.
        (RDM_FORMULA, {"compute_model_rdms.py", "compute_brain_rdm.py", "align.py"}),
        (TRANSFORM, jobs("extract_features.py")),
    ],
    ids=[
        "message",
        "description of a key",
        "what a name of a measure means",
        "z-score of one format",
        "formula of RDMs",
        "transform of images",
    ],
)
def test_an_edit_concerns_what_it_can_change_and_nothing_else(tree, edit, concerned):
    """Of the jobs up to the alignments; what is made from these is stale with them."""
    looked_at = {
        "compute_geometry.py",
        "compute_model_rdms.py",
        "compute_brain_rdm.py",
        "import_checkpoint.py",
        "evaluate_checkpoint.py",
        "preprocess_session.py",
        "align.py",
        "plot_training.py",
    }
    for script in ("list_stimuli.py", "extract_features.py", "read_responses.py"):
        looked_at |= jobs(script)
    assert tree.changed_by(*edit) & looked_at == concerned


def test_all_code_that_runs_is_in_the_fingerprint(tmp_path):
    """By a trace of what a list of stimuli, features and brain RDMs call."""
    from early_alignment.datasets import open_dataset, stimuli
    from early_alignment.networks import features, networks

    root, rng = tmp_path / "data", np.random.default_rng(2)
    (root / "stimuli").mkdir(parents=True)
    for name in "abcd":
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(root / f"stimuli/{name}.png")
    (root / "conditions.csv").write_text("condition,image\n" + "".join(f"{name},{name}.png\n" for name in "abcd"))
    (root / "units.csv").write_text("name,region\n" + "u,V1\n" * 6)
    np.save(root / "sub-1.npy", rng.normal(size=(4, 3, 6)))
    settings = {"format": "responses", "root": root, "subjects": ["1"], "targets": ["V1"]}
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    calls = {
        "list_stimuli.py": lambda data: stimuli.write(tmp_path / "stimuli.csv", data),
        "extract_features.py": lambda data: features.extract(
            network, {"layer1": tmp_path / "f.zarr.zip"}, data, stimuli.read(tmp_path / "stimuli.csv"), size=32
        ),
        "read_responses.py": lambda data: [data.patterns("1", "V1"), data.repeated_patterns("1", "V1")],
    }
    for script, call in calls.items():
        ran = called_by(lambda call=call: call(open_dataset("own", settings)))
        assert len(ran) > 8
        left_out = code_versions.WITHOUT_RESULTS
        behind = code_versions.modules_behind(SCRIPTS / script, code_versions.PACKAGE / "datasets/responses.py")
        behind -= {code_versions.PACKAGE / module for module in left_out}
        texts = set(reached([code_versions._plain(path) for path in (SCRIPTS / script, *behind)]))
        for file, name in ran:
            if str(file.relative_to(code_versions.PACKAGE)) in code_versions.WITHOUT_RESULTS:
                continue
            assert file in behind, (script, file)
            for part in code_versions._plain(file).parts:
                if f"{part.owner}.{part.name}".strip(".") == name:
                    assert f"{part.owner}.{part.text}" in texts, (script, file, name)


def called_by(call) -> set[tuple[Path, str]]:
    """The files and names of the library's functions that a call runs, in whatever thread, but for words of prints."""
    ran = set()

    def note(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(code_versions.PACKAGE) and "<" not in frame.f_code.co_qualname:
            ran.add((file, frame.f_code.co_qualname))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {(file, name) for file, name in ran if name not in MAKES_WORDS}


MAKES_WORDS = {"summary", "named", "DataSet.passed_over", "Responses.passed_over"}
"""Functions that were called for what is printed."""


def test_the_library_reads_no_names_that_are_made_while_it_runs():
    """Such a name would not be seen: but for classes, which always count, torch's types, and the parts of an error."""
    made = set()
    for file in sorted(code_versions.PACKAGE.rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        for call in calls:
            if ast.unparse(call.func) == "getattr" and not isinstance(call.args[1], ast.Constant):
                made.add(f"{file.relative_to(code_versions.PACKAGE)}: {ast.unparse(call.args[0])}")
    of_errors = {"errors.py: error", "errors.py: errors[0]"}
    of_networks = {"networks/features.py: torch", "networks/networks.py: place"}
    assert made <= {"datasets/__init__.py: module"} | of_networks | of_errors


def other_pythons() -> list[str]:
    """Those that the workflow supports and that are on the path, pyenv's included."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [shutil.which(f"python{version}") for version in ("3.11", "3.12", "3.13") if version != own]
    return [python for python in found if python and under(python, "").returncode == 0]


def under(python: str, code: str, folder: Path | None = None) -> subprocess.CompletedProcess:
    """Run code under another Python; pyenv finds one that it was told of."""
    more = {}
    if shutil.which("pyenv"):
        more["PYENV_VERSION"] = ":".join(subprocess.check_output(["pyenv", "versions", "--bare"], text=True).split())
    return subprocess.run(
        [python, "-c", code], cwd=folder, env=environment_with(**more), capture_output=True, text=True
    )


AWKWARD = """
def f(rows, *more, n=2, **named):
    width, word = 3, u"ü\\u0378"
    first = f"{rows['a']!r:>{width}} {{}} {n=}" 'and' f"{word}" ''
    match rows:
        case {"a": [1, *_], **rest} if (m := n) > 1:
            return *more, rows[1:, ..., None], first, rest, m
    try:
        return rows[*more], lambda x, /, y=1e400, *, z=0x10: (x, y, z, 1_0j, b"\\xff")
    except KeyError:
        async def g():
            return [x async for x in rows if await x]
    try:
        g()
    except* ValueError:
        raise
f(1)
"""


def test_the_fingerprint_is_the_same_under_every_supported_python(tree):
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python from 3.11 to 3.13 is on the path")
    (tree.scripts / "awkward.py").write_text(AWKWARD)
    expected = {path.name: code_versions.code_version(path.name) for path in tree.scripts.glob("*.py")}
    code = (
        "from snakemake_additions import code_versions as c\n"
        "for path in c.SCRIPTS.glob('*.py'): print(path.name, c.code_version(path.name))"
    )
    for python in pythons:
        result = under(python, code, tree.scripts)
        assert dict(line.split() for line in result.stdout.splitlines()) == expected, result.stderr
