"""The published data sets, read as they lie on disk: one module per format, with all that is its own."""

from importlib import import_module
from pathlib import Path

from .base import DataSet


def format_in(module: str) -> type[DataSet] | None:
    """The data set class that a module of this package is written for, if it is one's."""
    defined = vars(import_module(f".{module}", __package__)).values()
    classes = [c for c in defined if isinstance(c, type) and issubclass(c, DataSet) and c is not DataSet]
    return next((c for c in classes if c.__module__ == f"{__package__}.{module}"), None)


def formats() -> dict[str, type[DataSet]]:
    """Name → class of every format: the modules of this package that define one."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return {name: found for name in names if (found := format_in(name))}


def open_dataset(name: str, settings: dict) -> DataSet:
    """The data set `name` with its settings, an entry of `config["datasets"]`."""
    return format_in(settings["format"])(name, settings)
