"""The page of config keys, docs/config.md, from what the schema says of them: `make docs` writes it."""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from .config_messages import bare, in_words
from .schema import SCHEMA

BEGINNING = """\
<!-- Written by `make docs` from the config's schema, of which each data set format has its part. -->

# Config

What each key of a config means, which values it takes and in which unit, and what holds if it is left out. The paper's
experiment, with the reason for each value, is `config.yaml`. `*` is a name of your own, of a network or a data set.
A key without a default must be given; but `simulation` may be left out whole, and `training` of a network that has
`checkpoints`, whole or in part. Of one that has none, `training.images` must be given too. A key whose description
begins with names of formats is one of such data sets alone.
"""

END = """
## What is refused

Unknown keys are refused by name, as are keys given twice, names that mean one subject or target, and numbers that YAML
reads as others (`010` is 8). `~` in a path is your home folder; variables such as `$SCRATCH` are refused, since a job
on another machine may know another value. `results` and `trained` must share no folder with data.

## A recipe for several networks

Networks that are trained alike share a recipe by a YAML anchor. In these pages, `training.images` and the like are keys
of a network, as `networks.resnet50.training.images` in full.

```yaml
networks:
  resnet50:
    architecture: resnet50
    blocks: [layer1, layer4]
    seeds: [1, 2]
    epochs: [0, 0+100, 1, 90]
    training: &recipe {images: /data/imagenet, epochs: 90, early_steps: [100]}
  resnet18:
    architecture: resnet18
    blocks: [layer1, layer4]
    seeds: [1, 2]
    epochs: [0, 0+100, 1, 90]
    training: *recipe
```
"""


def page(schema: dict) -> str:
    """The page in Markdown: a table for each part of the config, a row for each key that has no keys below it.

    Raises:
        KeyError: A key has no description.
    """
    parts = groupby(leaves(schema), key=lambda leaf: leaf[0][0] if len(leaf[0]) > 1 else None)
    return BEGINNING + "".join(table(part, list(keys)) for part, keys in parts) + END


def leaves(schema: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """(key path, schema) of every key that has no keys below it; names at one's choice as `*`."""
    below = dict(schema.get("properties", {}))
    named = schema.get("additionalProperties")
    if isinstance(named, dict) and "properties" in named:
        below["*"] = named
    for key, of_key in below.items():
        yield from leaves(of_key, (*path, key))
    if not below:
        yield path, schema


def table(part: str | None, keys: list[tuple[tuple[str, ...], dict]]) -> str:
    """The section of a part of the config, or of the keys that stand in none."""
    heading = f"`{part}`" if part else "Folders"
    rows = "".join(row(".".join(path), schema) for path, schema in keys)
    return f"\n## {heading}\n\n| key | what it is | values | unit | default |\n|---|---|---|---|---|\n{rows}"


def row(key: str, schema: dict) -> str:
    """The row of a key."""
    formats = ", ".join(f"`{name}`" for name in schema.get("formats", []))
    description = f"{formats}: {schema['description']}" if formats else schema["description"]
    values = in_words(schema).replace("<", r"\<")  # which Markdown takes for HTML
    default = f"`{in_yaml(schema['default'])}`" if "default" in schema else ""
    cells = (f"`{key}`", description, values, schema.get("unit", ""), default)
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"


def in_yaml(value) -> str:
    """A value as one writes it in YAML, on one line."""
    return f"[{', '.join(map(bare, value))}]" if isinstance(value, list) else bare(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(SCHEMA), encoding="utf-8")
