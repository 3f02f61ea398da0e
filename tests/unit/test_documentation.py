"""The README is short, its pages hang together, and the page of config keys is the schema's."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run
from early_alignment.experiment import documentation
from early_alignment.experiment.config import SCHEMA

README, DOCS = REPOSITORY / "README.md", REPOSITORY / "docs"
PAGES = sorted(DOCS.glob("*.md"))
DOCUMENTS = [README, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md", *PAGES]
FENCE = re.compile(r"^ *```.*?^ *```", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]*`")
MENTION = re.compile(r"\bdocs/[\w-]+\.\w+(?:#[\w-]+)?")
"""A page of docs/, or a picture there, by its name in the repository."""


def links(document: Path) -> list[str]:
    """What a document's links and pictures within the repository point at, as they are written."""
    text = CODE.sub("", FENCE.sub("", document.read_text()))
    found = re.findall(r"\]\(\s*([^()\s]+)[^()]*\)", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to headings: lower case, hyphens for spaces, without other punctuation."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", document.read_text()), flags=re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert len(set(slugs)) == len(slugs), f"{document.name} has two headings of one anchor"
    return set(slugs)


def exists(target: str, beside: Path) -> bool:
    """Whether there is what a link points at, seen from a document or a folder."""
    name, _, anchor = target.partition("#")
    folder = beside if beside.is_dir() else beside.parent
    file = (folder / name).resolve() if name else beside
    within = file.exists() and file.is_relative_to(REPOSITORY.resolve())
    return within and (not anchor or anchor in anchors(file))


def test_the_readme_has_at_most_150_lines():
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_points_at_something(document):
    assert [target for target in links(document) if not exists(target, document)] == []


def test_links_that_point_at_nothing_would_be_found(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("# A page\n\n[a](#a-page), [b](none.md), `[c](in_code)`, [d](https://example.org/none.md)\n")
    assert links(document) == ["#a-page", "none.md"]
    assert not exists("none.md", README)
    assert not exists("docs/training.md#no-such-heading", README)
    assert not exists("../README.md", README)
    assert exists("docs/testing.md#damaged-inputs", README)


def test_the_readme_leads_to_every_page_and_every_picture_is_shown():
    assert {page.name for page in PAGES} <= {Path(target).name for target in links(README)}
    shown = {Path(target).name for document in DOCUMENTS for target in links(document)}
    assert {file.name for file in DOCS.iterdir()} <= shown | {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_has_one_title_and_opens_in_words(page):
    text = re.sub(r"<!--.*?-->\n\n", "", FENCE.sub("", page.read_text()))
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1
    title, blank, opening = text.splitlines()[:3]
    assert title.startswith("# ")
    assert blank == ""
    assert re.match(r"\w", opening)


def test_pages_that_code_and_comments_name_exist():
    """In error messages, comments of configs and rules, and whatever else is text in the repository."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).stdout.splitlines()
    texts = {
        name: REPOSITORY / name for name in listed if Path(name).suffix in {".py", ".smk", ".yaml", ".md", ".rst", ""}
    }
    named = {
        (name, mention)
        for name, path in texts.items()
        if path.is_file() and name != "tests/unit/test_documentation.py"
        for mention in MENTION.findall(path.read_text())
    }
    assert {mention for _, mention in named} >= {"docs/numbers.md", "docs/training.md", "docs/config.md"}
    assert sorted((name, mention) for name, mention in named if not exists(mention, REPOSITORY)) == []


# Keys of the config


def test_the_page_of_keys_is_what_the_schema_gives():
    assert (DOCS / "config.md").read_text() == documentation.page(SCHEMA), "`make docs` writes it"


def test_every_key_has_a_description():
    described = {path: schema.get("description", "") for path, schema in documentation.leaves(SCHEMA)}
    assert len(described) > 60
    assert [path for path, text in described.items() if not text.strip()] == []
    assert [path for path, schema in documentation.leaves(SCHEMA) if "|" in schema["description"]] == []


def test_a_row_says_what_a_key_is_which_values_it_takes_its_unit_and_its_default():
    rows = {
        line.split("|")[1].strip(): line for line in (DOCS / "config.md").read_text().splitlines()[5:] if "|" in line
    }
    assert rows["`features.calibration_images`"] == (
        "| `features.calibration_images` | training images that calibration passes through the network "
        "| a whole number from 2 to 1000000000 | images | `1024` |"
    )
    assert rows["`networks.*.training.weight_decay`"].endswith("| a number from 0 | | `0.0001` |")
    assert rows["`datasets.*.sessions`"].startswith("| `datasets.*.sessions` | `things_eeg2_raw`: sessions to read |")
    assert rows["`simulation.root`"].endswith("for patterns | | |")


def test_defaults_on_the_page_are_yaml_of_the_schemas():
    page = (DOCS / "config.md").read_text()
    written = dict(re.findall(r"^\| `([\w.*]+)` \| .* \| `([^`|]+)` \|$", page, flags=re.MULTILINE))
    schemas = {".".join(path): schema for path, schema in documentation.leaves(SCHEMA)}
    expected = {key: schema["default"] for key, schema in schemas.items() if "default" in schema}
    assert {key: yaml.safe_load(default) for key, default in written.items()} == expected
