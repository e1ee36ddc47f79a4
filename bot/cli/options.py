"""The options `--config` and `--base`, and reading the installation that the first names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import set_secrets
from bot.cli.imports import importing

if TYPE_CHECKING:
    from bot.installation import Installation

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="config.yaml (default: $PARLANCE_CONFIG, or here)."),
]
Base = Annotated[
    str | None, typer.Option("--base", "-b", help="Knowledge base (default: the default one).")
]


def read_installation(config: Path | None) -> Installation:
    """Read the installation of a config.yaml, and redact its secrets in all later output."""
    with importing():  # the plugins, too
        from bot.installation import Installation

        here = Installation.read(config)
    set_secrets(here.secrets.known())
    return here
