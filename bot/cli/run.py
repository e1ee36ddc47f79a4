"""The command `parlance run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import errors
from bot.cli.demo import LINES, Demo, introduction, open_demo
from bot.cli.imports import importing
from bot.cli.options import ConfigPath, read_installation

if TYPE_CHECKING:
    from bot.installation import Installation


class ProcessRole(StrEnum):
    """What a process does among those that share a database."""

    ALL = "all"
    FRONT = "front"
    WORKER = "worker"


def run(
    config: ConfigPath = None,
    conversation: Annotated[
        str | None, typer.Option(help="Terminal and pipe: continue the conversation of this name.")
    ] = None,
    demo: Annotated[
        Demo | None,
        typer.Option(help="Show a scripted model at work in the terminal; nothing is kept."),
    ] = None,
    role: Annotated[
        ProcessRole,
        typer.Option(
            envvar="PARLANCE_ROLE",
            help="Of several processes on one PostgreSQL: a front receives what people ask, and "
            "gives it to a worker, which answers.",
        ),
    ] = ProcessRole.ALL,
) -> None:
    """Start Parlance: the platforms whose tokens are set, or a chat in the terminal."""
    if demo is None:
        here = read_installation(config)
        if config is None and conversation is None and _is_first_start(here):
            from bot.cli.setup import offer

            if (status := offer(config)) is not None:
                raise typer.Exit(status)
        raise typer.Exit(_serve(here, conversation, role=role))
    with open_demo(demo) as here:
        errors.print(introduction(demo), soft_wrap=False)
        raise typer.Exit(_serve(here, conversation, LINES[demo]))


def _serve(
    here: Installation,
    conversation: str | None,
    examples: Sequence[str] = (),
    role: ProcessRole = ProcessRole.ALL,
) -> int:
    with importing():  # what a wrong configuration need not wait for
        from bot.cli.bot_process import serve

    return serve(here, conversation, examples=examples, role=role.value)


def _is_first_start(here: Installation) -> bool:
    """Whether somebody sits at a terminal, has named no configuration, and sees nothing set up."""
    at_keyboard = all(one is not None and one.isatty() for one in (sys.stdin, sys.stdout))
    named = "PARLANCE_CONFIG" in os.environ
    return at_keyboard and not named and not here.config.database_file.exists()
