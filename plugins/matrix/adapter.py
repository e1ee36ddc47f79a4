"""The Matrix adapter: serves its accounts, and answers what the core asks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bot.api import (
    AdapterError,
    Asker,
    Attachment,
    Author,
    ConversationKey,
    Core,
    Findings,
    PrivateFolder,
    Reader,
    Refused,
    Reply,
    Sink,
)
from plugins.matrix.account import Account
from plugins.matrix.connection import Connection
from plugins.matrix.history import History
from plugins.matrix.loop_thread import LoopThread
from plugins.matrix.new_reply import UNREACHABLE, open_reply
from plugins.matrix.offers import Offers
from plugins.matrix.settings import PLATFORM, MatrixSettings, MatrixTiming, token_variable
from plugins.matrix.setup import check_account

_log = structlog.get_logger(__name__)


@dataclass
class MatrixAdapter:
    """Serves the accounts whose `tokens` are given, by name; `folder` keeps their keys."""

    settings: MatrixSettings
    tokens: Mapping[str, str] = field(repr=False)
    folder: PrivateFolder
    timing: MatrixTiming = field(default_factory=MatrixTiming)
    name: str = PLATFORM
    thread: LoopThread | None = None
    """Where nio works; None for one of the adapter's own, while it runs."""
    _connections: Sequence[Connection] = field(default=(), init=False, repr=False)
    _core: Core | None = field(default=None, init=False, repr=False)

    @property
    def connected(self) -> bool:
        """Whether the events of all accounts arrive."""
        return bool(self._connections) and all(one.connected for one in self._connections)

    async def run(self, core: Core) -> None:
        """Serve until cancelled. An account that only the operator can help ends alone; raises
        `AdapterError` once none is left."""
        self._core = core
        unfinished = await core.replies.unfinished(self.name)
        servers: set[str] = set()
        urls, thread = self.settings.homeservers, self.thread or LoopThread("matrix")
        self._connections = [
            Connection(
                urls[account], token, token_variable(account),
                self.settings, self.timing, self.folder, thread, servers,
            )
            for account, token in self.tokens.items()
        ]  # fmt: skip
        ready = [asyncio.Event() for _ in self._connections]
        serving = [
            asyncio.create_task(one.serve(core, unfinished, event), name="matrix account")
            for one, event in zip(self._connections, ready, strict=True)
        ]
        waiting = [asyncio.create_task(event.wait()) for event in ready]
        try:
            await asyncio.wait([*serving, *waiting], return_when=asyncio.FIRST_COMPLETED)
            with core.connect(self):
                await self._until_ended(serving)
        finally:
            for task in (*serving, *waiting):
                task.cancel()
            await asyncio.gather(*serving, *waiting, return_exceptions=True)
            self._connections, self._core = (), None
            if self.thread is None:
                await thread.close()

    async def _until_ended(self, serving: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the accounts. Raises the last `AdapterError`, any other exception at once."""
        left = set(serving)
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                try:
                    task.result()
                except AdapterError as exc:
                    if not left:
                        raise
                    _log.error("matrix.account_ended", reason=str(exc))

    async def check(self) -> Findings:
        """What the operator should know about the accounts."""
        urls = self.settings.homeservers
        found = await asyncio.gather(
            *(
                check_account(urls[name], token, token_variable(name), self.settings, self.timing)
                for name, token in self.tokens.items()
            )
        )
        problems = [problem for one in found for problem in one.problems]
        notes = [note for one in found for note in one.notes]
        return Findings(problems, notes)

    # --- what the core asks ---------------------------------------------------------------------

    def _account(self, place: ConversationKey) -> Account | None:
        """The account that serves a place."""
        accounts = (one.account for one in self._connections)
        return next((a for a in accounts if a is not None and a.server == place.workspace), None)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply without an event; for one person alone it goes to their direct room.
        Raises `NotFound`, `Refused` and `Failed`, as the protocol says."""
        account = self._account(conversation)
        if account is None or self._core is None:
            raise Refused(UNREACHABLE)
        return await open_reply(account, self._core.replies, conversation, audience, turn)

    async def withdraw_reply(self, reply: Reply) -> None:
        """Delete the messages of an answer that another one has replaced."""
        account = self._account(ConversationKey.parse(reply.conversation))
        if account is not None:
            await Offers(account).remove(reply)

    async def files_of(self, conversation: ConversationKey, message: str) -> Sequence[Attachment]:
        """The files of a message, by its event's id; none where it is gone."""
        account = self._account(conversation)
        if account is None:
            return ()
        return await History(account).files(conversation.channel, message)

    def reader_of(self, conversation: ConversationKey) -> Reader | None:
        """A reader of a room or thread, for somebody of whom it is known that they may read."""
        account = self._account(conversation)
        if account is None:
            return None
        return History(account).reader(conversation.channel, conversation.thread)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """A room that the bot is in, by its name or id."""
        account = self._account(near)
        room = None if account is None else account.rooms.find(name)
        return None if account is None or room is None else account.rooms.key(room)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person as they are now in a room; None if they are not in it."""
        account = self._account(place)
        if account is None or self._core is None:
            return None
        named = await self._core.named_roles(self.name)
        return await account.rooms.asker_now(person.partition(":")[2], place, named)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the rooms that a person is in, and the homeserver that is theirs."""
        accounts = [one.account for one in self._connections if one.account is not None]
        user = person.partition(":")[2]
        found = await asyncio.gather(*(a.rooms.channels_of(user, channels) for a in accounts))
        return frozenset[str]().union(*found)

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """Why a rule that names these roles could not work; None if it can."""
        accounts = [one.account for one in self._connections if one.account is not None]
        problems = [account.rooms.role_problem(roles) for account in accounts]
        return None if None in problems or not problems else problems[0]

    def written(self, call: str) -> str:
        """A call such as `/ask how so?` as it is written here, in Markdown."""
        return f"`{self.settings.command_prefix}{call.removeprefix('/')}`"
