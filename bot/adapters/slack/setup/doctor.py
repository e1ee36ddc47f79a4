"""Compares a live app's scopes and settings with what the manifest asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.setup.manifest import build_manifest, scopes
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.tokens import token_error
from bot.commands.declaration import Command
from bot.config.platforms import SlackSettings
from bot.errors import ConfigError

_PASTE = "paste what `parlance manifest slack` prints under App Manifest, and install the app again"
_SCOPES_ONLY = (
    "Compared the scopes alone; with SLACK_CONFIG_TOKEN (a token from Your App Configuration "
    "Tokens) commands, events and shortcuts are compared, too."
)
Manifest = Mapping[str, Any]


@dataclass
class Report:
    """Problems to solve, and notes that need no action; one sentence each."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Doctor:
    """Looks at a live app with the clients of its tokens, and changes nothing.

    `app` has the app-level token (Socket Mode only); `config` a configuration token, if any.
    """

    settings: SlackSettings
    commands: Sequence[Command]
    bot: AsyncWebClient
    app: AsyncWebClient | None
    config: AsyncWebClient | None
    public_url: str | None = None

    async def examine(self) -> Report:
        """Check everything that these tokens allow."""
        report = Report()
        try:
            own_id = await self.bot.auth_test()
        except FAILURES as exc:
            refused = token_error(exc, "bot")
            report.problems.append(
                str(refused or f"Slack cannot be reached ({error_of(exc)}): check the network.")
            )
            return report
        granted = next((v for k, v in own_id.headers.items() if k.lower() == "x-oauth-scopes"), "")
        self._scopes({s.strip() for s in str(granted).split(",") if s.strip()}, report)
        if self.app is not None:
            await self._connection(self.app, report)
        if self.config is None:
            report.notes.append(_SCOPES_ONLY)
        else:
            await self._manifest(str(own_id.get("bot_id", "")), self.config, report)
        return report

    def _scopes(self, granted: set[str], report: Report) -> None:
        wanted = scopes(self.settings)
        report.problems += [
            f"The app lacks the scope {scope}, so it cannot {why}: {_PASTE}."
            for scope, why in wanted.items()
            if scope not in granted
        ]
        report.notes += [
            f"The app has the scope {scope}, which Parlance does not use; take it out under OAuth "
            "& Permissions."
            for scope in sorted(granted - wanted.keys())
        ]

    async def _connection(self, app: AsyncWebClient, report: Report) -> None:
        """Check the app-level token by asking for a socket's address."""
        try:
            await app.apps_connections_open(app_token=str(app.token))
        except FAILURES as exc:
            refused = token_error(exc, "app")
            report.problems.append(
                str(refused or f"Slack opens no connection ({error_of(exc)}): try again later.")
            )

    async def _manifest(self, bot_id: str, config: AsyncWebClient, report: Report) -> None:
        try:
            wanted = build_manifest(self.commands, self.settings, self.public_url)
            app_id = str((await self.bot.bots_info(bot=bot_id))["bot"]["app_id"])
            live: Manifest = (await config.apps_manifest_export(app_id=app_id))["manifest"]
        except ConfigError as exc:
            report.problems.append(str(exc))
        except FAILURES as exc:
            report.problems.append(
                f"The live app's manifest cannot be read ({error_of(exc)}): make a new "
                "SLACK_CONFIG_TOKEN under Your App Configuration Tokens; one lives twelve hours."
            )
        else:
            problems, notes = differences(wanted, live)
            report.problems += problems
            report.notes += notes


def differences(wanted: Manifest, live: Manifest) -> tuple[list[str], list[str]]:
    """What the live app lacks of a manifest, and what it has beyond it, one sentence each."""
    problems: list[str] = []
    notes: list[str] = []
    for what, ours, theirs in (
        ("command", _names(wanted, "slash_commands", "command"),
         _names(live, "slash_commands", "command")),
        ("shortcut", _names(wanted, "shortcuts", "callback_id"),
         _names(live, "shortcuts", "callback_id")),
        ("event", _events(wanted), _events(live)),
    ):  # fmt: skip
        problems += [f"The app does not know the {what} {n}: {_PASTE}." for n in ours - theirs]
        notes += [
            f"The app has the {what} {name}, which no loaded plugin has; take it out."
            for name in sorted(theirs - ours)
        ]
    return [*sorted(problems), *_switches(wanted, live)], notes


def _switches(wanted: Manifest, live: Manifest) -> Iterator[str]:
    """What is on or off, and where requests go."""
    for ours, theirs in zip(_urls(wanted), _urls(live), strict=True):
        if ours[1] and ours[1] != theirs[1]:
            yield f"{ours[0]} go to {theirs[1] or 'nowhere'} instead of {ours[1]}: {_PASTE}."
    socket, is_socket = (_at(m, "settings", "socket_mode_enabled") for m in (wanted, live))
    if socket and not is_socket:
        yield "Socket Mode is off: switch it on in the app's settings, or set slack.mode to http."
    if not socket and is_socket:
        yield "Socket Mode is on: switch it off in the app's settings, or set slack.mode to socket."
    if not _at(live, "settings", "interactivity", "is_enabled"):
        yield "Interactivity is off, so no button works: switch it on in the app's settings."
    home = _at(live, "features", "app_home") or {}
    if not home.get("messages_tab_enabled") or home.get("messages_tab_read_only_enabled"):
        yield (
            "Nobody can write to the bot directly: switch on the Messages Tab under App Home, and "
            "allow to send messages from it."
        )
    if _at(wanted, "features", "agent_view") and not _at(live, "features", "agent_view"):
        yield f"The app is no agent: {_PASTE}, or set slack.agent to false."


def _urls(manifest: Manifest) -> Iterator[tuple[str, str]]:
    events = _at(manifest, "settings", "event_subscriptions", "request_url")
    buttons = _at(manifest, "settings", "interactivity", "request_url")
    commands = {str(c.get("url") or "") for c in _at(manifest, "features", "slash_commands") or ()}
    yield "Events", str(events or "")
    yield "Buttons and forms", str(buttons or "")
    yield "Commands", ", ".join(sorted(filter(None, commands)))


def _names(manifest: Manifest, feature: str, key: str) -> set[str]:
    return {str(entry.get(key)) for entry in _at(manifest, "features", feature) or ()}


def _events(manifest: Manifest) -> set[str]:
    return set(_at(manifest, "settings", "event_subscriptions", "bot_events") or ())


def _at(manifest: Any, *path: str) -> Any:
    for key in path:
        manifest = manifest.get(key) if isinstance(manifest, Mapping) else None
    return manifest
