"""The commands `parlance mcp …`."""

from __future__ import annotations

import typer

from bot.cli.mcp_serve import serve

commands = typer.Typer(no_args_is_help=True, help="The Model Context Protocol.")
commands.command()(serve)
