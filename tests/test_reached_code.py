"""Which functions of some files count in a fingerprint."""

import ast

import pytest
from snakemake_additions import code_versions
from snakemake_additions.reached_code import parted, reached

SCRIPT = "data.one()\n"
LIBRARY = """
import outside
from other import renamed as there

class Base:
    setting = default()

    def one(self):
        return self.inner

    @property
    def inner(self):
        return there()

    def two(self):
        return only_of_two()

    def __len__(self):
        return 0

    @outside.registered
    def hook(self):
        return 1

class Own(Base):
    def one(self):
        return super().one()

    def three(self):
        return 3

class Foreign(outside.Base):
    def called_from_outside(self):
        return 4

class Indirect(Foreign):
    def called_too(self):
        return 5

def default():
    return 6

def only_of_two():
    return 7

def renamed():
    return 8
"""
COUNTED = [
    "self.inner",
    "there()",
    "return 0",
    "return 1",
    "super().one()",
    "return 4",
    "return 5",
    "return 6",
    "return 8",
]
NOT_COUNTED = ["only_of_two()", "return 3", "return 7"]


def code(script: str, library: str = LIBRARY) -> str:
    return "\n".join(reached(parted(ast.parse(text)) for text in (script, library)))


def test_a_function_counts_if_code_that_counts_reads_its_name_or_other_code_may_call_it():
    found = code(SCRIPT)
    assert [text for text in COUNTED if text not in found] == []
    assert [text for text in NOT_COUNTED if text in found] == []


def test_whatever_it_is_read_from():
    found = code("data.two()\n")
    assert "return 7" in found
    assert "super().one()" not in found


def test_nothing_is_lost_where_everything_is_read():
    names = {node.name for node in ast.walk(ast.parse(LIBRARY)) if isinstance(node, ast.FunctionDef)}
    found = code("\n".join(names))
    for node in ast.walk(ast.parse(LIBRARY)):
        if isinstance(node, ast.Return):
            assert ast.unparse(node) in found


@pytest.mark.parametrize(
    ("format_", "reader", "imager"),
    [
        ("nsd", "standardised", "open_image"),
        ("things_eeg2", "mean_by_label", "stimuli"),
        ("algonauts2023", "_vertices", "_shared_ids"),
        ("responses", "_selected", "_conditions"),
    ],
)
def test_how_responses_are_read_is_of_responses_alone_and_images_of_features(format_, reader, imager):
    def counted(script: str) -> str:
        module = code_versions.PACKAGE / f"datasets/{format_}.py"
        path = code_versions.SCRIPTS / script
        files = (path, *code_versions.modules_behind(path, module))
        return "\n".join(reached(code_versions._parts(file) for file in files))

    for script in ("list_stimuli.py", "extract_features.py"):
        assert f"def {reader}(" not in counted(script)
    assert f"def {imager}(" in counted("list_stimuli.py")
    assert f"def {reader}(" in counted("read_responses.py")
