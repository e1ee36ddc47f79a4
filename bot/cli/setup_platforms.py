"""The steps Discord and Slack of `parlance setup`: which page to open, and each token checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bot.catalogue.sentence import join_sentences, say
from bot.cli.options import read_installation
from bot.cli.setup_dialogue import Dialogue
from bot.config import DiscordSettings, SlackSettings
from bot.errors import AdapterError
from bot.installation import Installation, base_folder
from bot.platforms import print_manifest
from bot.setup.env_file import write_values

if TYPE_CHECKING:
    from bot.adapters.discord.setup.account import Account

LOOK_AGAIN_S = 3.0
"""How often Discord is asked whether the bot was invited, in seconds."""
DISCORD_PAGE = "https://discord.com/developers/applications"
SLACK_PAGE = "https://api.slack.com/apps"
Found = TypeVar("Found")
_LATER = say("(Enter: later)")


@dataclass(slots=True)
class Platforms:
    """Sets platforms up beside the config.yaml at `path`."""

    path: Path | None
    dialogue: Dialogue

    async def discord(self) -> bool:
        """Set Discord up; returns whether it is. Raises `AdapterError` where nobody can be asked
        for another token."""
        from bot.adapters.discord.setup import account
        from bot.adapters.discord.setup.manifest import application_of

        here = read_installation(self.path)
        settings = here.config.section(DiscordSettings)
        tell = self.dialogue.tell

        async def check(token: str) -> account.Account:
            found = await account.look_up(settings, token)
            tell(say("This is the token of the bot {name}.", name=found.name))
            for problem in found.problems:
                tell(problem)
            return found

        token = here.secrets.get("DISCORD_TOKEN") or ""
        if not token:
            if not self.dialogue.asks:
                return self._left_for_later("DISCORD_TOKEN")
            tell(say("1. Open this page, choose New Application, and give your bot its name:"))
            self.dialogue.show(f"   {DISCORD_PAGE}")
            tell(
                say(
                    "2. On the page Bot, leave the three Privileged Gateway Intents off, choose "
                    "Reset Token, and copy it."
                )
            )
        before = application_of(token)
        token, found = await self._token(
            token, say("Paste the token"), account.tidy, account.wrong_kind, check
        )
        if found is None:
            return False
        if before is not None and before != str(found.application):
            tell(say("It is of another application than the token that was there before."))
        self._write(here, {"DISCORD_TOKEN": token})
        await self._invite(settings, token, found)
        return True

    async def _invite(self, settings: DiscordSettings, token: str, found: Account) -> None:
        from bot.adapters.discord.setup import account

        tell = self.dialogue.tell
        for server in found.servers:
            if server.lacks:
                tell(account.describe_missing(server.name, server.lacks))
        if not found.servers:
            tell(say("3. Open this link, choose your server, and confirm:"))
            self.dialogue.show(f"   {found.invite}")
        if not found.usable and self.dialogue.asks:

            async def until_usable() -> account.Account:
                while True:
                    await asyncio.sleep(LOOK_AGAIN_S)
                    try:
                        now = await account.look_up(settings, token)
                    except AdapterError:
                        continue  # the network may come back
                    if now.usable:
                        return now

            hint = say("Waiting until the bot may write in a server … {later}", later=_LATER)
            found = await self.dialogue.wait(until_usable(), hint) or found
        if found.usable:
            servers = ", ".join(server.name for server in found.servers if not server.lacks)
            tell(say("The bot may write in {servers}.", servers=servers))

    async def slack(self) -> bool:
        """Set Slack up; returns whether it is. Raises as `discord` does."""
        from bot.adapters.slack.setup import account

        here = read_installation(self.path)
        settings = here.config.section(SlackSettings)
        tell, get = self.dialogue.tell, here.secrets.get
        bot, app = get("SLACK_BOT_TOKEN") or "", get("SLACK_APP_TOKEN") or ""
        if settings.mode == "http":
            tell(say("slack.mode is http: its tokens are set by hand, as docs/slack.md says."))
            return False
        if not self.dialogue.asks and not (bot and app):
            return self._left_for_later("SLACK_APP_TOKEN" if bot else "SLACK_BOT_TOKEN")
        if not bot:
            if not await self.dialogue.confirm(say("Is your bot wanted on Slack?")):
                return False
            self._explain_slack_app(here)

        async def check_bot(token: str) -> account.Account:
            found = await account.look_up(settings, token)
            if found.problems:
                raise AdapterError(join_sentences(found.problems))
            names = {"name": found.name, "workspace": found.workspace}
            tell(say("This is the token of {name} in {workspace}.", **names))
            return found

        bot, found = await self._token(
            bot,
            say("Paste the Bot User OAuth Token"),
            account.tidy,
            lambda token: account.wrong_kind(token, "bot"),
            check_bot,
        )
        if found is None:
            return False

        async def check_app(token: str) -> bool:
            await account.check_app_token(token, found.app)
            tell(say("Slack opens connections for it."))
            return True

        if not app and self.dialogue.asks:
            tell(
                say(
                    "4. On the page Basic Information, under App-Level Tokens, generate a token "
                    "with the scope connections:write, and copy it."
                )
            )
        app, opens = await self._token(
            app,
            say("Paste the app-level token"),
            account.tidy,
            lambda token: account.wrong_kind(token, "app"),
            check_app,
        )
        if not opens:
            return False
        self._write(here, {"SLACK_BOT_TOKEN": bot, "SLACK_APP_TOKEN": app})
        if not found.channels:
            text = say("Invite the bot into a channel: /invite @{name}", name=found.name)
            tell(join_sentences((text, say("In a direct message it answers everybody."))))
        return True

    def _explain_slack_app(self, here: Installation) -> None:
        tell = self.dialogue.tell
        tell(
            say(
                "This is the manifest of the app; copy all between the lines. "
                "`parlance manifest slack` prints it again."
            )
        )
        self.dialogue.show("─" * 8)
        self.dialogue.show(print_manifest(here, "slack", None).rstrip())
        self.dialogue.show("─" * 8)
        tell(say("1. Open this page, choose Create New App, From a manifest, and your workspace:"))
        self.dialogue.show(f"   {SLACK_PAGE}")
        tell(say("2. Choose YAML, paste the manifest, and choose Next, then Create."))
        tell(
            say(
                "3. On the page Install App choose Install, allow it, and copy the Bot User OAuth "
                "Token."
            )
        )

    async def _token(
        self,
        given: str,
        question: str,
        tidy: Callable[[str], str],
        wrong_kind: Callable[[str], str | None],
        check: Callable[[str], Awaitable[Found]],
    ) -> tuple[str, Found | None]:
        """A token that works, with what was found out; None where somebody leaves it for later.

        What is given is tried first. Raises `AdapterError` where nobody can be asked for another.
        """
        typed = given
        while True:
            if not typed:
                if not self.dialogue.asks:
                    return "", None
                words = say("{question} {later}", question=question, later=_LATER)
                typed = tidy(await self.dialogue.ask(words, secret=True))
                if not typed:
                    return "", None
            token, typed = tidy(typed), ""
            try:
                if (why := wrong_kind(token)) is not None:
                    raise AdapterError(why)
                return token, await check(token)
            except AdapterError as error:
                if not self.dialogue.asks:
                    raise
                self.dialogue.tell(str(error))

    def _left_for_later(self, name: str) -> bool:
        """Say which variable is missing where nobody can be asked; returns that nothing is set."""
        self.dialogue.tell(say("{name} is not set, so this is left for later.", name=name))
        return False

    def _write(self, here: Installation, values: dict[str, str]) -> None:
        path = base_folder(here.path) / ".env"
        copy = write_values(path, values)
        text = say("The token is in {path}; nobody but you can read it.", path=path)
        self.dialogue.tell(text)
        if hidden := [
            name for name, value in values.items() if os.environ.get(name, value) != value
        ]:
            self.dialogue.tell(
                say(
                    "{names} in your environment comes before the file: unset it there.",
                    names=", ".join(hidden),
                )
            )
        if copy is not None:
            self.dialogue.tell(say("What was there before is in {copy}.", copy=copy.name))
