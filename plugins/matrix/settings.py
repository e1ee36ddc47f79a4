"""The section `matrix` of config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator

from bot.api import PlatformSettings, Rate, ReplyTiming

PLATFORM = "matrix"
MAIN_ACCOUNT = "main"
EVERYBODY = "*"
KEPT_CALLS = 2.0
"""Events of the burst that are kept for the ends of answers."""

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")]


class MatrixSettings(PlatformSettings):
    """Matrix; starts when MATRIX_TOKEN is set."""

    homeserver: _Address = "https://matrix.org"
    """Address of the bot's homeserver."""
    more_homeservers: Mapping[_Name, _Address] = {}
    """Further accounts: a name, and the address of its homeserver. The token of the account `work`
    is MATRIX_WORK_TOKEN."""
    invites_from: tuple[str, ...] = ()
    """Who may invite the bot: people (`@ada:example.org`), homeservers (`example.org`), `*` for
    everybody; empty: the people of its own homeserver."""
    allowed_homeservers: tuple[str, ...] = ()
    """Accounts that work, by the name of their homeserver (`example.org`); empty: all of them."""
    command_prefix: Annotated[str, Field(pattern=r"^[!.+-]$")] = "!"
    """Begins a command in a message: `!ask how so?`. A slash works after a mention."""
    events_per_s: Annotated[float, Field(gt=0)] = 0.2
    """Events that the homeserver takes from the bot a second, in the long run."""
    burst: Annotated[int, Field(ge=3)] = 10
    """Events that it takes at once."""
    reaction_buttons: bool = True
    """Put the reactions under an answer that work as its buttons, as far as the rate allows."""
    introduction: bool = True
    """Say once how to ask, in a room that the bot is invited to."""
    thread_context: Annotated[int, Field(ge=0, le=100)] = 20
    """Messages of a thread, or of a chain of replies, that are read as context."""
    acknowledge: bool = False
    """Put 👀 to a question while it is being answered, then ✅, or ⚠️ where that did not work."""
    only_when_done: bool = False
    """Show an answer's text only when it is complete."""
    edit_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """This process's part of the events that the homeserver takes."""

    @property
    def workspaces(self) -> frozenset[str]:
        """The homeservers of the accounts that work; empty: every one."""
        return frozenset(self.allowed_homeservers)

    @property
    def homeservers(self) -> Mapping[str, str]:
        """The addresses of the homeservers, by the names of their accounts."""
        every = {MAIN_ACCOUNT: self.homeserver, **self.more_homeservers}
        return {name: url.rstrip("/") for name, url in every.items()}

    @property
    def rate(self) -> Rate:
        """The events that one account may send."""
        share = self.edit_share
        burst = max(1.0 + KEPT_CALLS, self.burst * share)
        return Rate(self.events_per_s * share, burst, KEPT_CALLS)

    @field_validator("more_homeservers")
    @classmethod
    def _no_main(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if MAIN_ACCOUNT in value:
            raise ValueError("main is the account of matrix.homeserver; choose another name")
        return value


def token_variable(account: str) -> str:
    """The name of the variable with an account's access token."""
    return "MATRIX_TOKEN" if account == MAIN_ACCOUNT else f"MATRIX_{account.upper()}_TOKEN"


def may_invite(settings: MatrixSettings, person: str, own_server: str) -> bool:
    """Whether this person (`@ada:example.org`) may invite the bot."""
    allowed = settings.invites_from or (own_server,)
    return bool({EVERYBODY, person, person.partition(":")[2]} & set(allowed))


@dataclass(frozen=True, slots=True)
class MatrixTiming(ReplyTiming):
    """Intervals of the adapter, in seconds. Tests use shorter ones."""

    poll: float = 30.0
    """How long the homeserver holds a request until something happens."""
    request: float = 20.0
    """A request that is not answered after this is given up."""
    lookup: float = 3.0
    """A question about a person or a room that is not answered after this is given up."""
    lookup_reuse: float = 1.0
    """What the homeserver has said of the members of a room is used again for so long."""
    key_patience: float = 20.0
    """How long the key of an encrypted message may come after it, until its author is told."""
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    """Longest pause between two tries to reach the homeserver."""
    backlog: float = 3600.0
    """What was written longer ago than this, while the bot was away, is not answered."""
    seed_patience: float = 60.0
    """How long the reactions under a finished answer wait until the rate allows them."""
