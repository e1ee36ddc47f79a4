"""Which config.yaml a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="config.yaml (default: $PARLANCE_CONFIG, or here)."),
]
