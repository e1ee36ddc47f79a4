"""Has the files of models prepared for this machine, where their entries ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.cli.console import errors, redact
from bot.installation import Installation


async def prepare_models(here: Installation, names: Iterable[str]) -> None:
    """Prepare the fetched files of models of config.yaml, each once, and say what came of it.

    Raises `ModelNotFound` if one is not there.
    """
    for name in dict.fromkeys(names):
        for replica in here.specs[name].resolve(here.engines, f"models.{name}"):
            if getattr(replica.options, "prepare", "never") != "never":
                await _prepare(here, name, replica.options)


async def _prepare(here: Installation, name: str, options: Any) -> None:
    from backends.llama_cpp.preparation import prepare_file

    errors.print(f"Trying a copy of {name} that may be faster on this processor …")
    prepared = await prepare_file(options, here.store)
    if prepared is not None:
        errors.print(redact(prepared.describe(name)), soft_wrap=True)
