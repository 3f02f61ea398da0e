"""What is wrong with a config, in words: its schema's errors as where, found, expected and remedy."""

import json
import math
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches

from ..errors import InputError

KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "keys with values"}
LARGEST = 2**63


def errors_in(config: dict, schema: dict, written: dict[tuple, str]) -> list[InputError]:
    """All that a schema has against a config, each once.

    Args:
        config: The config.
        schema: Of the whole config; its own words are those that `config.schema.yaml` explains.
        written: Key path → text of values that are written otherwise than they are read.
    """
    from jsonschema import Draft202012Validator

    if odd := list(keys_that_are_no_text(config)):
        return odd  # patterns of names have no answer to them
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    found = [in_words for error in errors for in_words in worded(error, schema, written)]
    places = {error.where for error in found}
    found += [error for error in numbers_beyond_use(config) if error.where not in places]
    distinct = {}
    for error in found:
        distinct.setdefault((error.where, error.found), error)
    return list(distinct.values())


def keys_that_are_no_text(value, path: tuple = ()) -> Iterator[InputError]:
    """The errors of keys that YAML reads as numbers, booleans, dates or null."""
    if isinstance(value, list):
        for item in value:
            yield from keys_that_are_no_text(item, path)
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield InputError(
                    key_at(path),
                    f"a name {shown(key)}, which is {kind(key)} and no text",
                    "text; YAML reads on, yes, 2023 and the like as other than text",
                    "write the name in quotes",
                )
            yield from keys_that_are_no_text(item, (*path, str(key)))


def numbers_beyond_use(value, path: tuple = ()) -> Iterator[InputError]:
    """The errors of numbers that are not finite, which are within every bound, or larger than 64 bits hold."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_beyond_use(item, (*path, key))
    elif isinstance(value, int | float) and not -LARGEST <= value < LARGEST:
        yield InputError(key_at(path), shown(value), "a finite number below 2^63", "correct it")


def worded(error, schema: dict, written: dict[tuple, str]) -> Iterator[InputError]:
    """An error of the schema in words: one, or one for each key that is unknown or missing."""
    path, value = tuple(error.absolute_path), error.instance
    here = schema_at(schema, path)
    if error.validator == "additionalProperties":
        known = here["properties"]
        for key in [key for key in value if key not in known]:
            nearest = ", ".join(get_close_matches(key, known, n=len(known), cutoff=0.0))
            yield InputError(key_at((*path, key)), "an unknown key", f"one of {nearest}", "correct or remove it")
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in value:
                yield InputError(key_at((*path, key)), "no such key", in_words(here["properties"][key]), "add it")
    elif "propertyNames" in error.absolute_schema_path:
        yield InputError(key_at(path), f"the name {shown(value)}", in_words(error.schema), "rename it")
    elif error.validator == "uniqueItems":
        again = next(item for place, item in enumerate(value) if item in value[:place])
        yield InputError(key_at(path), f"{shown(again)} more than once", in_words(here), "name it once")
    else:
        found = shown(value)
        if path in written and isinstance(value, bool | date):
            found = f"{written[path]}, which YAML reads as {found}"
        if error.validator == "type":
            found += f", which is {kind(value)}"
            here = here | {"type": error.validator_value}
        yield InputError(key_at(path), found, in_words(here), remedy(value, here))


def remedy(value, schema: dict) -> str:
    """What to do about a value that a part of a schema refuses."""
    from jsonschema import Draft202012Validator

    is_valid = Draft202012Validator(schema).is_valid
    if value is None:
        return "give it a value, or leave the key out if it has a default"
    if not isinstance(value, str | list | dict) and is_valid(str(value)):
        return "write it in quotes"
    return f"write [{shown(value)}]" if is_valid([value]) else "correct it"


def schema_at(schema: dict, path: tuple) -> dict:
    """The part of a schema that a place in the config has to fulfil; of names at one's choice, that of all of them."""
    for key in path:
        schema = schema["items"] if isinstance(key, int) else {**schema.get("properties", {})}.get(
            key, schema.get("additionalProperties")
        )  # fmt: skip
    return schema


def takes(schema: dict, type_: str) -> bool:
    """Whether a part of a schema has that type, perhaps among others."""
    types = schema.get("type", [])
    return type_ in ([types] if isinstance(types, str) else types)


def in_words(schema: dict) -> str:
    """What a part of a schema asks for."""
    if "enum" in schema:
        return f"one of {', '.join(map(bare, schema['enum']))}"
    if "type" not in schema:
        return schema["in_words"]
    words = {
        "integer": f"a whole number{bounds(schema)}",
        "number": f"a number{bounds(schema)}",
        "string": schema.get("in_words", "text"),
        "boolean": "true or false",
        "null": "null",
        "object": "keys with values",
    }
    if takes(schema, "array"):
        several = " of one or more, all different" if schema.get("minItems") else ", all different"
        n = f" of {schema['minItems']}" if "maxItems" in schema else several
        words["array"] = f"a list{n}, each {in_words(schema['items'])}"
    if takes(schema, "object") and "properties" in schema:
        words["object"] = f"a mapping with keys of {', '.join(schema['properties'])}"
    return " or ".join(words[type_] for type_ in words if takes(schema, type_))


def bounds(schema: dict) -> str:
    """` from 0 to 999`, or whatever bounds a part of a schema sets for numbers."""
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return "".join(f" {word} {schema[key]}" for key, word in words.items() if key in schema)


def key_at(path: tuple) -> str:
    """The name of a place in the config; places in lists have none."""
    keys = [key for key in path if isinstance(key, str)]
    return f"config key {'.'.join(keys)}" if keys else "the config"


def kind(value) -> str:
    """What kind of thing a value is."""
    return "nothing" if value is None else KINDS.get(type(value), f"a {type(value).__name__}")


def bare(value) -> str:
    """A value as one writes it in YAML where no quotes are needed."""
    return value if isinstance(value, str) else shown(value)


def shown(value, most: int = 100) -> str:
    """A value as one writes it in YAML, cut where it is long."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{'-' * (value < 0)}.{'nan' if math.isnan(value) else 'inf'}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[:most]} …"
