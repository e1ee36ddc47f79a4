"""The `parlance` command. Each subcommand imports what it needs when it is called."""

from __future__ import annotations

import io
import sys

import typer

from backends.errors import BackendError
from backends.gil import shorten_switch_interval
from backends.pool.spec import SpecError
from bot.adapters.protocol import AdapterError
from bot.cli import (
    backups,
    docs,
    logs,
    mcp,
    models,
    operator,
    records,
    running_bot,
    service,
    tools,
)
from bot.cli.console import write
from bot.cli.run import run
from bot.cli.setup import setup
from bot.errors import ConfigError, ParlanceError

app = typer.Typer(
    name="parlance",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a wrong call is told in plain lines
    help="A private chat bot for Discord, Slack and the terminal, on your own models.",
)
app.command()(run)
app.command()(setup)
app.command()(running_bot.status)
app.command()(running_bot.stop)
app.command()(logs.logs)
app.command()(operator.check)
app.command()(operator.doctor)
app.command()(operator.manifest)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(records.export)
app.command("import")(records.import_)
app.command("docs-tables", hidden=True)(operator.docs_tables)
app.add_typer(models.commands, name="models")
app.add_typer(docs.commands, name="docs")
app.add_typer(operator.plugins, name="plugins")
app.add_typer(mcp.commands, name="mcp")
app.add_typer(tools.commands, name="tools")
app.add_typer(service.commands, name="service")


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
    except (ParlanceError, BackendError, AdapterError) as error:
        _end(str(error), 1)
    except KeyboardInterrupt:
        _end("", 130)


def _end(message: str, status: int) -> None:
    if message:
        write(message, to_errors=True)
    sys.exit(status)
