"""The sections of config.yaml for the platforms that ship."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator

from bot.config.base import PlatformSettings
from bot.types import ConversationKey


class TerminalSettings(PlatformSettings):
    """The chat in the terminal, used when no platform has a token."""

    enabled: bool = True
    """Chat in the terminal where no other platform is configured."""
    user: str = "operator"
    """Id of the person at the keyboard: `terminal:operator` in `admins.users`."""

    @property
    def person(self) -> str:
        """The `Author.key` of the person at the keyboard: whoever runs the bot."""
        return f"terminal:{self.user}"

    @property
    def place(self) -> ConversationKey:
        """The conversation that the person at the keyboard has when they name none."""
        return ConversationKey("terminal", "local", "main")


class ReplySettings(PlatformSettings):
    """How replies are shown on a chat platform."""

    acknowledge: bool = False
    """Put 👀 to a question while it is being answered, then ✅, or ⚠️ where that did not work."""
    only_when_done: bool = False
    """Show an answer's text only when it is complete."""
    edit_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """This process's part of the edits that the platform takes, where several serve the same place.
    """


class DiscordSettings(ReplySettings):
    """Discord; starts when DISCORD_TOKEN is set."""

    enabled: bool = True
    """Connect when there is a token."""
    message_content: bool = False
    """Ask for the privileged Message Content intent; mentions and commands do not need it."""
    shards: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    """Number of connections, `auto` for what Discord recommends; empty: one, as most need."""
    guilds: tuple[int, ...] = ()
    """Servers in which the commands are registered; empty: everywhere."""
    allowed_servers: tuple[int, ...] = ()
    """Servers in which the bot works, by id; empty: in every one that it is added to."""
    user_install: bool = False
    """People may add the bot to their own account, and use its commands anywhere."""
    introduction: bool = True
    """Say once how to ask, on a server that the bot is added to."""
    reply_chain: Annotated[int, Field(ge=0, le=50)] = 8
    """Messages read as context, of a chain of replies or of a thread that it is mentioned in."""

    @property
    def workspaces(self) -> frozenset[str]:
        """The servers in which the bot works; empty: every one."""
        return frozenset(map(str, self.allowed_servers))


class SlackSettings(ReplySettings):
    """Slack; starts when SLACK_BOT_TOKEN is set, with SLACK_APP_TOKEN or SLACK_SIGNING_SECRET."""

    enabled: bool = True
    """Connect when there is a token."""
    allowed_workspaces: tuple[str, ...] = ()
    """Workspaces in which the bot works, by id (`T…`); empty: in every one that it is added to."""
    command_prefix: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,16}$")] = ""
    """Begins the name of every command, where other apps have the same: `parlance-` makes
    /parlance-ask. `/parlance ask` works in any case."""
    mode: Literal["socket", "http"] = "socket"
    """`socket` needs SLACK_APP_TOKEN; `http` needs SLACK_SIGNING_SECRET and `http.public_url`."""
    agent: bool = True
    """The manifest declares the app an agent: streamed answers, suggestions, Slack's own Stop."""
    streaming: Literal["auto", "off"] = "auto"
    """`auto`: answers are streamed where Slack shows its own Stop, and edited elsewhere."""
    introduction: bool = True
    """Say once how to ask, in a channel that the bot is invited to."""
    thread_context: Annotated[int, Field(ge=0, le=100)] = 20
    """Messages of a thread that are read as context, the newest ones."""

    @property
    def workspaces(self) -> frozenset[str]:
        """The workspaces in which the bot works; empty: every one."""
        return frozenset(self.allowed_workspaces)

    @field_validator("streaming", mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        """YAML reads `off` and `on` as truth values."""
        return {False: "off", True: "auto"}[value] if isinstance(value, bool) else value


SHIPPED_SECTIONS: Mapping[str, type[PlatformSettings]] = MappingProxyType(
    {"terminal": TerminalSettings, "discord": DiscordSettings, "slack": SlackSettings}
)
"""The sections of the platforms that ship, by their names."""
