"""The config's schema: `config.schema.yaml`, what each data set format adds to it, and the similarity measures."""

from pathlib import Path

import yaml

from ..comparison.measures import MEASURES
from ..datasets import formats


def composed() -> dict:
    """The JSON schema of a config.

    A key that formats add says in `formats` which ones; `targets: all` is for formats in which it means something.
    """
    schema = yaml.safe_load((Path(__file__).parent / "config.schema.yaml").read_text(encoding="utf-8"))
    of_data_set = schema["properties"]["datasets"]["additionalProperties"]
    keys = of_data_set["properties"]
    known = formats()
    keys["format"]["enum"] = list(known)
    for name, format_ in known.items():
        for key, of_key in format_.adds_to_config.items():
            keys.setdefault(key, of_key | {"formats": []})["formats"].append(name)
    take_all = [name for name, format_ in known.items() if format_.takes_all_targets]
    of_data_set["if"] = {"properties": {"format": {"enum": take_all}}}
    of_data_set["else"] = {"properties": {"targets": {"type": "array"}}}
    schema["properties"]["alignment"]["properties"]["measures"]["items"] = {"enum": list(MEASURES)}
    return schema


SCHEMA = composed()
