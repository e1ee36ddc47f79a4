"""The command `parlance service`: has the system start the bot, and start it again."""

from __future__ import annotations

import getpass
import os
from typing import Annotated, Final

import typer

from bot.cli.console import AsJson, errors, redact, say, show, write
from bot.cli.options import ConfigPath, read_installation
from bot.cli.running_bot import ask_running_bot
from bot.config.secrets import find_secret_variables, read_environment
from bot.control.protocol import ControlError
from bot.errors import UsageError
from bot.installation import Installation, base_folder
from bot.platforms import create_adapters
from bot.service.installed import Kind, Service, default_kind, make_service
from bot.service.plan import make_plan

commands = typer.Typer(no_args_is_help=True, help="Parlance as a service of systemd or launchd.")

_NAME: Final = "parlance"
System = Annotated[
    bool, typer.Option("--system", help="For the whole machine (as root), not for this user.")
]
Name = Annotated[str, typer.Option(help="Another name, where several bots run here.")]
KindOption = Annotated[
    Kind | None, typer.Option("--for", help="systemd or launchd (default: what is here).")
]


@commands.command()
def install(
    config: ConfigPath = None,
    system: System = False,
    name: Name = _NAME,
    user: Annotated[
        str | None, typer.Option(help="With --system: who it runs as (default: who called sudo).")
    ] = None,
    kind: KindOption = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print what would be installed, and do nothing.")
    ] = False,
) -> None:
    """Start the bot with the machine, and again when it fails.

    A file that somebody edited is replaced only after a copy of it was kept.
    """
    here = read_installation(config)
    service = _service(here, system=system, name=name, user=user, kind=kind)
    if only_print:
        write(service.text.removesuffix("\n"))
        return
    if create_adapters(here).alone:
        raise UsageError(
            "A service needs a platform: set the token of one in .env first. Without, Parlance "
            "chats in the terminal, which a service does not have."
        )
    _warn_of_variables(here)
    copy = service.install()
    if copy is not None:
        say(f"{service.path} had been edited; it is kept as {copy}.")
    say(f"Installed {service.path}, and started.")
    if service.kind == "systemd" and not system:
        say("`loginctl enable-linger` keeps it running when you log out.")


@commands.command()
def uninstall(
    config: ConfigPath = None, system: System = False, name: Name = _NAME, kind: KindOption = None
) -> None:
    """Stop the service, and remove it."""
    service = _service(read_installation(config), system=system, name=name, kind=kind)
    copy = service.uninstall()
    if copy is not None:
        say(f"{service.path} had been edited; it is kept as {copy}.")
    say(f"Removed {service.path}.")


@commands.command()
def status(
    config: ConfigPath = None,
    system: System = False,
    name: Name = _NAME,
    kind: KindOption = None,
    as_json: AsJson = False,
) -> None:
    """Show whether the service is installed, whether it runs, and whether the bot answers."""
    here = read_installation(config)
    service = _service(here, system=system, name=name, kind=kind)
    text = service.installed()
    if text is None:
        file = "not installed"
    elif service.is_edited(text):
        file = "edited by hand"
    else:
        file = "as it was made" if text == service.text else "made for another configuration"
    state = service.state()
    try:
        told = ask_running_bot(here, "status")
        answers = "no" if told is None else f"process {told['pid']}"
    except ControlError as error:
        answers = str(error)
    rows = [
        {"what": "file", "state": file, "detail": str(service.path)},
        {"what": service.kind, "state": state, "detail": ""},
        {"what": "running bot", "state": answers, "detail": ""},
    ]
    show(rows, as_json=as_json)
    if text is None or state != "active":
        raise typer.Exit(1)


def _service(
    here: Installation,
    *,
    system: bool,
    name: str,
    user: str | None = None,
    kind: Kind | None = None,
) -> Service:
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError("A name has letters, digits, dots and dashes alone.")
    owner = user or os.environ.get("SUDO_USER") or getpass.getuser()
    plan = make_plan(here, name, owner if system else "")
    return make_service(plan, kind or default_kind(), system=system)


def _warn_of_variables(here: Installation) -> None:
    """Name what is set in this shell alone, since a service does not see it."""
    written = read_environment(base_folder(here.path) / ".env", {})
    ours = (*(f"{name.upper()}_" for name in here.config.platforms), "PARLANCE_")
    named = set(find_secret_variables(here.config.model_dump()))
    lost = [
        name
        for name in sorted(os.environ.keys() - written.keys() - {"PARLANCE_CONFIG"})
        if name in named or name.startswith(ours)
    ]
    if lost:
        text = f"Set in this shell alone, and not known to the service: {', '.join(lost)}."
        errors.print(redact(text), style="yellow", soft_wrap=True)
