"""The errors of servers of tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.catalogue.sentence import say
from bot.errors import Failed
from bot.mcp.safe_schema import one_line

IS_ASKING: Final = "it waits for somebody whom it asked something"
HAS_ENDED: Final = "it has ended"
HAS_FAILED: Final = "it has failed several times in a row"
BOT_IS_ENDING: Final = "the bot is ending"
_MAX_CHARACTERS: Final = 200


class ServerUnavailable(Failed):
    """A server could not be started or reached, so nothing was done. `why` is for the operator."""

    def __init__(self, server: str, why: str, words: str = "") -> None:
        self.server, self.why = server, why
        later = say("{server} cannot be used just now; try again later.", server=server)
        super().__init__(words or later)


class LoginWanted(ServerUnavailable):
    """A server answered 401: it wants to know who asks, or its key is wrong."""

    def __init__(self, server: str, *, by_person: bool = False) -> None:
        words = (
            say(
                "{server} wants to know who you are: log in with `/connect login {server}`.",
                server=server,
            )
            if by_person
            else say(
                "{server} does not let me in; whoever runs me has to look at it.", server=server
            )
        )
        why = "it answers 401: it wants a login, or the key it is sent is wrong"
        super().__init__(server, why, words)


def without_secrets(names: Sequence[str]) -> str:
    """Why a server cannot be started whose secrets are missing."""
    return f"{', '.join(names)} is not set in .env"


def explain(server: str, error: BaseException, command: str, start_s: float) -> ServerUnavailable:
    """Why a server could not be started or has ended. The SDK wraps what happened in groups of
    errors; what logs in to a server may raise a `ServerUnavailable` of its own."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ServerUnavailable):
        return error
    if isinstance(error, TimeoutError):
        why = f"it did not answer within {start_s:g} s"
    elif isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        why = f"{command} cannot be started: {error.strerror}"
    else:
        words = one_line(str(error), _MAX_CHARACTERS)
        why = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return ServerUnavailable(server, why)
