"""The command `parlance mcp`: the servers of tools of config.yaml, and their tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bot.cli.console import AsJson, show, write
from bot.cli.loop import run_async
from bot.cli.options import ConfigPath, read_installation
from bot.errors import NotFound, UsageError, nearest
from bot.observability.logs import configure

if TYPE_CHECKING:
    from bot.installation import Installation
    from bot.mcp.servers import ToolServers

commands = typer.Typer(no_args_is_help=True, help="The Model Context Protocol, both ways.")


@commands.command()
def serve(
    config: ConfigPath = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="One client, over standard input and output.")
    ] = False,
) -> None:
    """Offer documents and skills to MCP clients, where no bot runs.

    Over HTTP each comes with a token of /connect; with --stdio it asks as the operator. A bot that
    runs serves them itself, with `mcp: {serve: true}`.
    """
    from bot.cli import mcp_serve

    raise typer.Exit(mcp_serve.serve(read_installation(config), stdio=stdio))


_COLUMNS: Final = ("tool", "called", "does", "for", "about", "problem")
ServerName = Annotated[str, typer.Argument(help="Name of the server in config.yaml.")]


@commands.command("list")
def list_(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Start each server and show its tools: what a call does, and who may have it made."""
    here = _read(config)
    rows = run_async(_rows(here))
    empty = "There are no servers; docs/agent/mcp.md shows how to add one to config.yaml."
    show(rows, as_json=as_json, empty=empty)
    if any(row["problem"] for row in rows):
        raise typer.Exit(1)


@commands.command("test")
def try_(
    name: ServerName,
    tool: Annotated[str | None, typer.Argument(help="Its tool, by the server's name.")] = None,
    given: Annotated[
        list[str] | None, typer.Argument(help="Arguments, as key=value; values may be JSON.")
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Start a server, or call one of its tools and print what it returns. Nobody is asked first."""
    here = _read(config)
    _require(here, name)
    text, well = run_async(_test(here, name, tool, _arguments(given or ())))
    write(text)
    if not well:
        raise typer.Exit(1)


@commands.command()
def accept(name: ServerName, config: ConfigPath = None) -> None:
    """Accept tools that have changed; until then they are for admins alone.

    A bot that runs takes it up when it starts the server the next time.
    """
    here = _read(config)
    _require(here, name)
    changed = _open(here).accept(name)
    write(f"Accepted: {', '.join(sorted(changed))}" if changed else "No tool has changed.")


def _read(config: Path | None) -> Installation:
    here = read_installation(config)
    configure(here.config.logging.model_copy(update={"level": "error"}), here.secrets.known())
    return here


def _require(here: Installation, name: str) -> None:
    known = here.config.mcp.servers
    if name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else "."
        raise NotFound(f"config.yaml names no server {name!r}{hint}")


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise UsageError(f"{one!r} must be written as key=value.")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


async def _rows(here: Installation) -> list[dict[str, object]]:
    from bot.mcp.errors import ServerUnavailable

    rows: list[dict[str, object]] = []
    async with _open(here) as servers:
        for name in servers.names:
            empty: dict[str, object] = {"server": name, **dict.fromkeys(_COLUMNS, "")}
            try:
                listing = await servers.refresh(name)
            except ServerUnavailable as error:
                said = servers.last_words(name)
                why = f"{error.why}; it said: {said}" if said else error.why
                rows.append(empty | {"problem": why})
                continue
            rows += [
                empty
                | {
                    "tool": listed.name,
                    "called": tool.name,
                    "does": tool.effect,
                    "for": who,
                    "about": tool.description,
                }
                for listed, tool, who in servers.offered(name)
            ]
            rows += [empty | {"problem": problem} for problem in listing.problems]
    return rows


async def _test(
    here: Installation, name: str, tool: str | None, given: dict[str, Any]
) -> tuple[str, bool]:
    async with _open(here) as servers:
        listing = await servers.refresh(name)
        if tool is None:
            problems = "".join(f"\n{problem}" for problem in listing.problems)
            return f"{name} works; it has {len(listing.tools)} tools.{problems}", not problems
        if tool not in (names := [one.name for one in listing.tools]):
            near = nearest(tool, names)
            hint = f"; did you mean {near}?" if near else f"; it has: {', '.join(names)}"
            raise NotFound(f"{name} has no tool {tool!r}{hint}")
        result = await servers.try_tool(name, tool, given)
        return result.text, not result.failed


def _open(here: Installation) -> ToolServers:
    from bot.assembly import reserved_names
    from bot.mcp.servers import ToolServers

    taken = reserved_names(here.plugins)
    config = here.config
    return ToolServers(config.mcp.servers, config.data_dir, here.secrets.get, taken)


@commands.command()
def key() -> None:
    """Make a key for `.env`, with which the logins of people are kept encrypted."""
    from bot.config.mcp import KEY_VARIABLE
    from bot.mcp.sealed import make_key

    write(f"{KEY_VARIABLE}={make_key()}")
