"""Looks models up in the catalogue: by their names, files, or what engines call them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from backends.errors import InvalidSource, ModelNotFound
from backends.files.catalog import CATALOG, CatalogFile, CatalogModel
from backends.files.family_sampling import ModelSampling, find_family_sampling
from backends.files.sources import parse_source


def find_model(name: str) -> CatalogModel | None:
    """Return the model of that name, ignoring case; None if there is none."""
    wanted = name.strip().casefold()
    return next((model for model in CATALOG if model.name == wanted), None)


def find_model_sampling(names: Sequence[str]) -> ModelSampling | None:
    """Return how a model with one of these names is sampled; None if the catalogue does not know.

    Names are sources, tags and families, the most telling first.
    """
    for model in CATALOG:
        called = {model.ollama, *(file.source for file in model.files)}
        if model.sampling is not None and not called.isdisjoint(names):
            return model.sampling
    return find_family_sampling(names)


def find_files(name_or_source: str) -> Sequence[CatalogFile]:
    """Return the files to fetch for a catalogue name, or for a source as config.yaml writes it.

    A source that the catalogue knows comes with its digest. Raises `ModelNotFound` for an unknown
    name (suggesting the nearest one), `InvalidSource` for a malformed source.
    """
    model = find_model(name_or_source)
    if model is not None:
        return model.files
    try:
        source = str(parse_source(name_or_source))
    except InvalidSource:
        if ":" in name_or_source:
            raise
        names = [known.name for known in CATALOG]
        near = difflib.get_close_matches(name_or_source.strip().casefold(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}."
        raise ModelNotFound(f"There is no model {name_or_source!r}; {hint}") from None
    for known in CATALOG:
        for file in known.files:
            if file.source == source:
                return (file,)
    return (CatalogFile(name_or_source.strip()),)
