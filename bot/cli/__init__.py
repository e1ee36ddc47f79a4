"""The `parlance` command. Each subcommand is imported when it is called, with what it needs."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Final

import typer

from backends.errors import BackendError, SpecError
from backends.gil import shorten_switch_interval
from bot.cli.lazy_group import LazyCommand, LazyGroup
from bot.errors import ConfigError, ParlanceError

COMMANDS: Final[Mapping[str, LazyCommand]] = {
    "run": LazyCommand("bot.cli.run:run", "Start the bot on its platforms, or a chat here."),
    "setup": LazyCommand(
        "bot.cli.setup:setup", "Set Parlance up, step by step: model, platforms, documents."
    ),
    "status": LazyCommand(
        "bot.cli.running_bot:status", "Show how the running bot does, and what is wrong."
    ),
    "stop": LazyCommand("bot.cli.running_bot:stop", "End the running bot in order."),
    "console": LazyCommand(
        "bot.cli.console_link:console_link", "Make a link into the console: pages in a browser."
    ),
    "logs": LazyCommand("bot.cli.logs:logs", "Show what the running bot has logged."),
    "check": LazyCommand(
        "bot.cli.operator:check", "Validate the configuration; starts and loads nothing."
    ),
    "doctor": LazyCommand(
        "bot.cli.operator:doctor", "Try models, documents and platforms; says what to do."
    ),
    "manifest": LazyCommand(
        "bot.cli.operator:manifest", "Print what a platform has to be told about the bot."
    ),
    "backup": LazyCommand(
        "bot.cli.backups:backup", "Copy conversations and documents to one file."
    ),
    "restore": LazyCommand("bot.cli.backups:restore", "Put a backup back in place."),
    "export": LazyCommand("bot.cli.records:export", "Write what is kept as JSON lines."),
    "import": LazyCommand("bot.cli.records:import_", "Take in what was exported."),
    "db": LazyCommand("bot.cli.db:commands", "Where the database is; move it to PostgreSQL."),
    "docs-tables": LazyCommand(
        "bot.cli.operator:docs_tables", "Check or write what is generated.", hidden=True
    ),
    "models": LazyCommand(
        "bot.cli.models:commands", "Which models there are; fetch or remove them."
    ),
    "docs": LazyCommand("bot.cli.docs:commands", "Documents: add, search, keep in order."),
    "plugins": LazyCommand("bot.cli.operator:plugins", "The plugins that were found."),
    "mcp": LazyCommand("bot.cli.mcp:commands", "The Model Context Protocol, both ways."),
    "tools": LazyCommand("bot.cli.tools:commands", "The tools that models may call; try one."),
    "service": LazyCommand(
        "bot.cli.service:commands", "Parlance as a service of systemd or launchd."
    ),
}
"""The subcommands, in the order in which `--help` lists them."""


class _Commands(LazyGroup):
    known = COMMANDS


app = typer.Typer(
    name="parlance",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a wrong call is told in plain lines
)


@app.callback()
def parlance() -> None:
    """A private chat bot for Discord, Slack and the terminal, on your own models."""


def main() -> None:
    """Run the command; an error is one clear sentence, never a traceback. Exits with its status.

    1: it could not be done; 2: the configuration or the call is wrong; 130: stopped.
    """
    shorten_switch_interval()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where its encoding lacks a sign
    try:
        app(prog_name="parlance")
    except (ConfigError, SpecError) as error:
        _end(str(error), 2)
    except (ParlanceError, BackendError) as error:
        _end(str(error), 1)
    except KeyboardInterrupt:
        _end("", 130)


def _end(message: str, status: int) -> None:
    if message:
        from bot.cli.console import write

        write(message, to_errors=True)
    sys.exit(status)
