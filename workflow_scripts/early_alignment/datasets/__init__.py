"""The published data sets, read as they lie on disk: one module per format."""

from importlib import import_module

from .base import DataSet

CLASSES = {
    "algonauts2023": "Algonauts2023",
    "things_eeg2": "ThingsEEG2",
    "things_eeg2_raw": "ThingsEEG2Raw",
    "nsd": "NSD",
    "responses": "Responses",
    "kriegeskorte92": "Kriegeskorte92",
    "rdms": "RDMs",
}


def open_dataset(name: str, settings: dict) -> DataSet:
    """The data set `name` with its settings, an entry of `config["datasets"]`."""
    module = import_module(f".{settings['format']}", __package__)
    return getattr(module, CLASSES[settings["format"]])(name, settings)
