"""Which config.yaml a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import set_secrets
from bot.installation import Installation

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="config.yaml (default: $PARLANCE_CONFIG, or here)."),
]


def read_installation(config: Path | None) -> Installation:
    """What the operator has set up; nothing that is printed from now on shows a key of it."""
    here = Installation.read(config)
    set_secrets(here.secrets.known())
    return here
