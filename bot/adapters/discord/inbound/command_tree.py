"""Builds Discord's command tree from the declared commands; registers it only on changes."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.adapters.discord.inbound.command_translation import CommandTranslator
from bot.catalogue.languages import hash_files
from bot.catalogue.sentence import say
from bot.commands.declaration import Command, Option
from bot.control_characters import strip_controls
from bot.private_files import PrivateFolder
from bot.types import Value

_log = structlog.get_logger(__name__)

MAX_CHOICES = 25
_MAX_CHOICE_CHARS = 100
_MAX_DESCRIPTION_CHARS = 100
_MAX_OPTIONS = 25
_MAX_TEXT_CHARS = 6000
_TYPE_BY_KIND: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_MAX_NUMBER = 2**53
_STATE_FILE = "discord_commands.json"
FILE = "file"
"""The option of a command that takes a file."""
_FILE_PARAMETER = inspect.Parameter(
    FILE, inspect.Parameter.KEYWORD_ONLY, annotation=discord.Attachment | None, default=None
)

Interaction: TypeAlias = "discord.Interaction[Any]"


class Receiver(Protocol):
    """What the tree calls when a person uses a command."""

    async def on_command(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        files: Sequence[discord.Attachment] = (),
    ) -> None: ...

    async def on_menu(
        self, interaction: Interaction, name: str, target: discord.Message
    ) -> None: ...

    async def on_complete(
        self, interaction: Interaction, name: str, option: str, prefix: str
    ) -> Sequence[str]: ...

    async def on_command_error(self, interaction: Interaction, error: Exception) -> None: ...


class Tree(app_commands.CommandTree[Any]):
    """Commands and message menus of one client."""

    def __init__(self, client: discord.Client, receiver: Receiver, *, user_install: bool) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=user_install
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=user_install),
        )
        self._receiver = receiver

    async def on_error(
        self, interaction: Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        await self._receiver.on_command_error(interaction, error)


def fill(
    tree: Tree,
    commands: Sequence[Command],
    receiver: Receiver,
    guilds: Sequence[int] = (),
) -> None:
    """Add every command to the tree; one that Discord would not accept is skipped and logged."""
    where: dict[str, Any] = {"guilds": [discord.Object(g) for g in guilds]} if guilds else {}
    for declared in commands:
        try:
            tree.add_command(build_slash_command(declared, receiver), **where)
            if declared.menu:
                tree.add_command(build_context_menu(declared, receiver), **where)
        except (ValueError, TypeError, discord.DiscordException) as exc:
            _log.error("discord.command_skipped", command=declared.name, reason=str(exc))


def build_slash_command(
    declared: Command, receiver: Receiver
) -> app_commands.Command[Any, ..., Any]:
    """A slash command with typed options, choices and completion.

    Raises `ValueError` if it has more options than Discord allows.
    """
    parameters = [*map(_build_parameter, declared.options)]
    about = {o.name: _shorten_description(o.description or o.name) for o in declared.options}
    if declared.takes_file and FILE not in about:
        parameters.append(_FILE_PARAMETER)
        about[FILE] = say("A file to go with it")
    if len(parameters) > _MAX_OPTIONS:
        raise ValueError(f"it has {len(parameters)} options; Discord allows {_MAX_OPTIONS}")

    async def call(interaction: Interaction, **given: Any) -> None:
        options = {name: value for name, value in given.items() if value is not None}
        files = [options.pop(n) for n, v in given.items() if isinstance(v, discord.Attachment)]
        await receiver.on_command(interaction, declared.name, options, files)

    own = inspect.Parameter("_interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(call)["__signature__"] = inspect.Signature([own, *parameters])
    if about:
        app_commands.describe(**about)(call)
    for option in declared.options:
        if option.choices and len(option.choices) <= MAX_CHOICES:
            choices = [
                app_commands.Choice(name=c[:_MAX_CHOICE_CHARS], value=c) for c in option.choices
            ]
            app_commands.choices(**{option.name: choices})(call)
        elif option.complete is not None or option.choices:
            completer = _make_completer(declared.name, option, receiver)
            app_commands.autocomplete(**{option.name: completer})(call)
    return app_commands.Command(
        name=declared.name, description=_shorten_description(declared.description), callback=call
    )


def _build_parameter(option: Option) -> inspect.Parameter:
    kind: Any = _TYPE_BY_KIND[option.kind]
    span: Any = app_commands.Range
    if option.kind == "str":
        kind = span[str, 1 if option.required else 0, min(option.max_length, _MAX_TEXT_CHARS)]
    elif option.kind in {"int", "float"} and (option.min_value, option.max_value) != (None, None):
        cast = int if option.kind == "int" else float
        least = -_MAX_NUMBER if option.min_value is None else option.min_value
        most = _MAX_NUMBER if option.max_value is None else option.max_value
        kind = span[kind, cast(least), cast(most)]
    if option.required:
        return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, annotation=kind | None, default=None
    )


def _make_completer(
    name: str, option: Option, receiver: Receiver
) -> Callable[[Interaction, str], Coroutine[Any, Any, list[app_commands.Choice[str]]]]:
    async def complete(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        if option.choices:
            found: Sequence[str] = [c for c in option.choices if current.lower() in c.lower()]
        else:
            found = await receiver.on_complete(interaction, name, option.name, str(current))
        fitting = [value for value in found if 0 < len(value) <= _MAX_CHOICE_CHARS]
        return [
            app_commands.Choice(name=strip_controls(v) or "…", value=v)
            for v in fitting[:MAX_CHOICES]
        ]

    return complete


def build_context_menu(declared: Command, receiver: Receiver) -> app_commands.ContextMenu:
    """The command's entry in the context menu of messages."""

    async def call(interaction: discord.Interaction[Any], target: discord.Message) -> None:
        await receiver.on_menu(interaction, declared.name, target)

    # discord.py reads the annotations; here they are strings until they are spelled out.
    call.__annotations__.update(interaction=discord.Interaction, target=discord.Message)
    return app_commands.ContextMenu(name=declared.menu[:32], callback=call)


def _shorten_description(text: str) -> str:
    text = " ".join(text.split()) or "…"
    return text if len(text) <= _MAX_DESCRIPTION_CHARS else text[: _MAX_DESCRIPTION_CHARS - 1] + "…"


# --- registering them ----------------------------------------------------------------------------


def compute_fingerprint(tree: Tree, guilds: Sequence[int], languages: str = "") -> str:
    """A hash of all commands that would be registered, of the servers, and of what the languages
    say (`languages`, itself a hash)."""
    everything: dict[str, Any] = {
        str(guild): [c.to_dict(tree) for c in _commands_in(tree, guild)] for guild in (0, *guilds)
    }
    everything["languages"] = languages
    text = json.dumps(everything, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _commands_in(tree: Tree, guild: int) -> list[Any]:
    place = discord.Object(guild) if guild else None
    return sorted(tree.get_commands(guild=place), key=lambda c: (c.__class__.__name__, c.name))


async def register(
    tree: Tree, application: int, guilds: Sequence[int], folder: PrivateFolder
) -> Mapping[str, int]:
    """Register the commands with Discord if they have changed; returns their ids by name, none
    where they differ from server to server.

    A file in `folder` records what was registered last, by application. Raises discord.py's
    exceptions.
    """
    known = await asyncio.to_thread(folder.read_json, _STATE_FILE)
    before = known.get(str(application), {})
    print_now = compute_fingerprint(tree, guilds, await asyncio.to_thread(hash_files))
    if before.get("hash") == print_now and "ids" in before:
        ids: Mapping[str, int] = before["ids"]
        return ids
    await tree.set_translator(CommandTranslator())
    registered = await tree.sync()
    for guild in guilds:
        registered += await tree.sync(guild=discord.Object(guild))
    for guild in set(before.get("guilds", ())) - set(guilds):
        await tree.sync(guild=discord.Object(guild))  # nothing of ours is left there
    ids = _ids_by_name(registered) if len(guilds) <= 1 else {}
    known[str(application)] = {"hash": print_now, "guilds": list(guilds), "ids": ids}
    await asyncio.to_thread(folder.write_json, _STATE_FILE, known)
    _log.info("discord.commands_registered")
    return ids


async def ask_ids(
    client: discord.Client, application: int, guilds: Sequence[int]
) -> Mapping[str, int]:
    """The ids of the commands that another process has registered, by name, as `register` returns
    them. Raises discord.py's exceptions."""
    if len(guilds) > 1:
        return {}
    http = client.http
    found: Sequence[Any] = (
        await http.get_guild_commands(application, guilds[0])
        if guilds
        else await http.get_global_commands(application)
    )
    slash = discord.AppCommandType.chat_input.value
    return {one["name"]: int(one["id"]) for one in found if one.get("type", slash) == slash}


def _ids_by_name(registered: Sequence[app_commands.AppCommand]) -> dict[str, int]:
    slash = discord.AppCommandType.chat_input
    return {command.name: command.id for command in registered if command.type is slash}
