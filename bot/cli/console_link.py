"""The command `parlance console`."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from bot.cli.console import AsJson, console, show_json
from bot.cli.options import ConfigPath, read_installation
from bot.cli.running_bot import ask_running_bot, not_running
from bot.control.protocol import CONSOLE_LINK


def console_link(
    config: ConfigPath = None,
    as_json: AsJson = False,
    browser: Annotated[
        bool, typer.Option("--open", help="Open it in this machine's browser.")
    ] = False,
) -> None:
    """Make a link into the console of the running bot: pages in a browser."""
    here = read_installation(config)
    told = ask_running_bot(here, CONSOLE_LINK)
    if told is None:
        raise not_running(here)
    if as_json:
        show_json(told)
        return
    console.print(told["link"], soft_wrap=True)
    console.print("It works once, within ten minutes, and makes whoever opens it the operator.")
    if browser:
        webbrowser.open(told["link"])
