"""Logins that were begun in another process, where several share a database: a browser may come
back to any of them, and the number be written to any. What a login is made of stays in the one that
began it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from bot.catalogue.sentence import say
from bot.errors import Failed, NotFound, Refused, StorageError
from bot.processes.peers import Peers, TooLongToTell

log = structlog.get_logger(__name__)

NO_SUCH_LOGIN: Final = say("This login is not known any more. Begin it again in the chat.")
LOGIN_REFUSED: Final = say("The login was refused. You can close this page.")
_CODE: Final = "login_code"
_CONFIRM: Final = "login_confirm"
_BEGUN: Final = "login_begun"
_CHANGED: Final = "login_changed"


class LoginFailed(Failed):
    """A server did not take a login; `server` is its name."""

    def __init__(self, server: str) -> None:
        super().__init__(say("{name} did not take the login.", name=server))
        self.server = server


class LoginsHere(Protocol):
    """The logins of this process: what of `bot.mcp.logins.Logins` the others reach."""

    async def take_code_here(self, query: str) -> str | None:
        """Take what a browser comes back with; None where it is of no login that was begun here.
        Raises `NotFound` and `Refused`."""

    async def confirm_here(self, person: str, word: str) -> str | None:
        """Finish a login; None where it is of none that was begun here. Raises `Failed`."""

    def give_up_here(self, person: str, server: str) -> None:
        """Give up the open logins of a person at a server."""

    async def disconnect_here(self, person: str, server: str) -> None:
        """End what this process has open at a server for a person."""


class LoginsElsewhere:
    """Reaches the logins of the other processes, and lets these reach those `here`. Without `peers`
    this process is alone, and there are none."""

    def __init__(self, peers: Peers | None, here: LoginsHere) -> None:
        self._peers = peers
        self._here = here
        if peers is not None:
            peers.answer(_CODE, self._take_code)
            peers.answer(_CONFIRM, self._confirm)
            peers.answer(_BEGUN, self._on_begun)
            peers.answer(_CHANGED, self._on_changed)

    async def take_code(self, query: str) -> str:
        """Have the process that began a login take what its browser comes back with; returns the
        word to be confirmed in the chat. Raises `NotFound`, `Refused` and `StorageError`."""
        for found in await self._ask(_CODE, {"query": query}):
            if "word" not in found:
                raise Refused(LOGIN_REFUSED)
            return str(found["word"])
        raise NotFound(NO_SUCH_LOGIN)

    async def confirm(self, person: str, word: str, within_s: float) -> str | None:
        """Have the process that began a login finish it; returns the server's name, None where no
        process waits for this word. Raises `Failed` and `StorageError`."""
        asked = {"person": person, "word": word}
        for found in await self._ask(_CONFIRM, asked, within_s=within_s):
            if found["failed"]:
                raise LoginFailed(found["server"])
            return str(found["server"])
        return None

    async def begun(self, person: str, server: str) -> None:
        """Have the others give up what they began of the same login."""
        await self._tell(_BEGUN, {"person": person, "server": server})

    async def changed(self, person: str, server: str) -> None:
        """Have the others end what they have open for a person who logged in or out."""
        await self._tell(_CHANGED, {"person": person, "server": server})

    async def _ask(self, what: str, values: Mapping[str, Any], **more: Any) -> Sequence[Any]:
        if self._peers is None:
            return ()
        try:
            return await self._peers.ask(what, values, **more)
        except TooLongToTell:  # nothing that we have made is as long
            return ()

    async def _tell(self, what: str, values: Mapping[str, Any]) -> None:
        if self._peers is not None:
            try:
                await self._peers.tell(what, values)
            except (StorageError, TooLongToTell) as error:
                log.warning("mcp.login_not_told", what=what, reason=type(error).__name__)

    # --- answering ------------------------------------------------------------------------------

    async def _take_code(self, asked: Mapping[str, Any]) -> Any:
        try:
            word = await self._here.take_code_here(asked["query"])
        except NotFound:
            return None
        except Refused:
            return {}
        return None if word is None else {"word": word}

    async def _confirm(self, asked: Mapping[str, Any]) -> Any:
        try:
            server = await self._here.confirm_here(asked["person"], asked["word"])
        except LoginFailed as failed:
            return {"server": failed.server, "failed": True}
        return None if server is None else {"server": server, "failed": False}

    async def _on_begun(self, told: Mapping[str, Any]) -> None:
        self._here.give_up_here(told["person"], told["server"])

    async def _on_changed(self, told: Mapping[str, Any]) -> None:
        self._here.give_up_here(told["person"], told["server"])
        await self._here.disconnect_here(told["person"], told["server"])
