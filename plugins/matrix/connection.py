"""Serves one account: follows what its homeserver tells, and hands it over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from bot.api import (
    AdapterError,
    BackgroundTasks,
    Backoff,
    Core,
    EditBudget,
    PrivateFolder,
    Reply,
)
from plugins.matrix.account import Account
from plugins.matrix.batch import Gap, RoomEvent
from plugins.matrix.client import Client
from plugins.matrix.cross_signing import sign_own_device
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.events import Edited, Reacted, Redacted, Said, read_event, server_of
from plugins.matrix.history import History
from plugins.matrix.homeserver import Homeserver, Json, path_of
from plugins.matrix.identity import Identity, identify
from plugins.matrix.invites import Invites
from plugins.matrix.loop_thread import LoopThread
from plugins.matrix.messages import Messages
from plugins.matrix.presses import Presses
from plugins.matrix.repair import repair
from plugins.matrix.rooms import Rooms
from plugins.matrix.settings import MatrixSettings, MatrixTiming

_log = structlog.get_logger(__name__)

_MAX_GAP_PAGES = 10
_GAP_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Handlers:
    """What takes the events of an account."""

    messages: Messages
    presses: Presses
    invites: Invites


class Connection:
    """One account, from its token to its events. `folder` keeps its keys and how far it has read.

    `servers` are the homeservers of the accounts that are served.

    What has been read is noted one answer late, so that nothing is lost with the process; the core
    drops what it has taken before.
    """

    def __init__(
        self, url: str, token: str, variable: str, settings: MatrixSettings,
        timing: MatrixTiming, folder: PrivateFolder, thread: LoopThread, servers: set[str],
    ) -> None:  # fmt: skip
        self._url = url
        self._token = token
        self._variable = variable
        self._settings = settings
        self._timing = timing
        self._folder = folder
        self._thread = thread
        self._servers = servers
        self.account: Account | None = None
        self.connected = False

    async def serve(self, core: Core, unfinished: Sequence[Reply], ready: asyncio.Event) -> None:
        """Serve until cancelled; `ready` is set once the rooms are known. Raises `AdapterError`
        where only an operator can help."""
        homeserver = Homeserver(self._url, self._token, self._timing.request)
        background_tasks = BackgroundTasks("matrix")
        async with homeserver.connect():
            identity = await self._identify(homeserver)
            self._require_own_server(identity)
            keys = await asyncio.to_thread(self._folder.make_file, identity.store_name)
            client = Client(self._url, identity, self._token, keys, self._thread, self._timing)
            try:
                await client.open()
                account = await self._make_account(homeserver, client, identity, background_tasks)
                handlers = self._make_handlers(core, account)
                self.account = account
                await self._follow(core, account, identity, handlers, unfinished, ready)
            finally:
                self.account, self.connected = None, False
                await background_tasks.close()
                await client.close()

    async def _identify(self, homeserver: Homeserver) -> Identity:
        """Who the token belongs to, asked until the homeserver answers."""
        backoff = self._backoff()
        while True:
            try:
                return await identify(homeserver, self._variable)
            except MATRIX_FAILURES as exc:
                await self._pause("identifying", exc, backoff)

    def _require_own_server(self, identity: Identity) -> None:
        """Raise `AdapterError` where another account is of the same homeserver, as the core knows
        them by its name."""
        server = server_of(identity.user)
        if server in self._servers:
            raise AdapterError(
                f"{self._variable}: another account of the bot is on {server}; one is enough."
            )
        self._servers.add(server)

    async def _make_account(
        self,
        homeserver: Homeserver,
        client: Client,
        identity: Identity,
        background_tasks: BackgroundTasks,
    ) -> Account:
        rooms = Rooms(homeserver, identity.user, self._timing)
        backoff, max_file_bytes = self._backoff(), None
        while True:
            try:
                await identity.check_keys(homeserver, await client.identity_keys())
                await rooms.load()
                max_file_bytes = await homeserver.max_upload_bytes()
                break
            except MATRIX_FAILURES as exc:
                await self._pause("opening", exc, backoff)
        return Account(
            identity.user,
            identity.names,
            self._settings,
            self._timing,
            homeserver,
            client,
            rooms,
            background_tasks,
            EditBudget(self._settings.rate),
            max_file_bytes,
        )

    @staticmethod
    def _make_handlers(core: Core, account: Account) -> Handlers:
        history = History(account)
        messages = Messages(core, account, history)
        presses = Presses(core, account, history, messages)
        return Handlers(messages, presses, Invites(core, account))

    # --- events ---------------------------------------------------------------------------------

    async def _follow(
        self,
        core: Core,
        account: Account,
        identity: Identity,
        handlers: Handlers,
        unfinished: Sequence[Reply],
        ready: asyncio.Event,
    ) -> None:
        """Take one answer of the homeserver after the other."""
        place = f"{identity.file_name}.json"
        since = (await asyncio.to_thread(self._folder.read_json, place)).get("since")
        known = since is not None
        backoff, first = self._backoff(), True
        while True:
            try:
                batch = await account.client.sync(since, first=first)
                missed = [e for gap in batch.gaps for e in await self._missed(account, gap, since)]
                account.rooms.update(batch.rooms, batch.left)
                await account.rooms.count_people()
            except MATRIX_FAILURES as exc:
                self.connected = False
                await self._pause("following", exc, backoff)
                continue
            backoff.record_resumed()  # each answer goes on from the one before
            self.connected = True
            if first:
                ready.set()
                own = [one for one in unfinished if self._is_ours(account, one)]
                account.background_tasks.start(repair(account, core, own), "repair")
                account.background_tasks.start(self._sign_device(account, identity), "signing")
            handlers.invites.take(batch)
            handlers.messages.on_unreadable(batch.unreadable)
            if known:
                self._hand_over(account, handlers, [*missed, *batch.events], again=first)
            if since != batch.token:
                await self._keep_position(place, since or batch.token)
            since, known, first = batch.token, True, False

    async def _keep_position(self, file: str, read: str) -> None:
        """Keep how far has been read; where that fails, more is read again after a restart."""
        try:
            await asyncio.to_thread(self._folder.write_json, file, {"since": read})
        except OSError as exc:
            _log.warning("matrix.position_not_kept", reason=exc.strerror)

    def _hand_over(
        self, account: Account, handlers: Handlers, events: Sequence[RoomEvent], *, again: bool
    ) -> None:
        """Hand events over in order; those of an earlier process may be there `again`."""
        for one in events:
            happened, room = read_event(one.event), one.room
            if happened is None or happened.sender == account.user:
                continue
            match happened:
                case Said() if self._is_recent(happened.at):
                    handlers.messages.on_said(room, happened, one.name)
                case Reacted() if self._is_recent(happened.at):
                    handlers.presses.on_reacted(room, happened, one.name)
                case Edited(target=target) if not again:
                    handlers.messages.on_edited(room, target)
                case Redacted(target=target):
                    handlers.messages.inbox.deleted(room, [target])

    async def _sign_device(self, account: Account, identity: Identity) -> None:
        try:
            await sign_own_device(account.homeserver, identity, self._folder)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.device_not_signed", reason=str(exc)[:200])

    def _is_recent(self, at: datetime) -> bool:
        return (datetime.now(UTC) - at).total_seconds() < self._timing.backlog

    @staticmethod
    async def _missed(account: Account, gap: Gap, since: str | None) -> Sequence[RoomEvent]:
        """The events of a room that an answer left out, oldest first."""
        found: list[Json] = []
        token = gap.before
        for _ in range(_MAX_GAP_PAGES if since is not None else 0):
            query = {"dir": "b", "from": token, "to": str(since), "limit": str(_GAP_EVENTS)}
            answer = await account.homeserver.call(
                "GET", path_of("rooms", gap.room, "messages"), query=query
            )
            found += answer.get("chunk") or ()
            token = str(answer.get("end") or "")
            if not token:
                break
        decrypt = account.client.decrypt
        return [RoomEvent(gap.room, await decrypt(gap.room, e)) for e in reversed(found)]

    @staticmethod
    def _is_ours(account: Account, reply: Reply) -> bool:
        return reply.conversation.startswith(account.rooms.key("").scope("workspace") + ":")

    # --- waiting --------------------------------------------------------------------------------

    def _backoff(self) -> Backoff:
        return Backoff(self._timing.backoff_base, self._timing.backoff_cap)

    async def _pause(self, what: str, exc: BaseException, backoff: Backoff) -> None:
        """Wait before the next try. Raises `AdapterError` where there is no use in one."""
        if isinstance(exc, MatrixError) and exc.is_dead_token:
            raise AdapterError(
                f"{self._variable}: the homeserver does not accept this token any more; make a new "
                "one as `parlance manifest matrix` says."
            ) from exc
        wait_s = backoff.delay()
        if isinstance(exc, MatrixError) and exc.is_rate_limit:
            wait_s = max(wait_s, exc.wait_s)
        error = (str(exc) or type(exc).__name__)[:200]
        _log.warning("matrix.connection_failed", step=what, error=error, retry_s=round(wait_s, 1))
        await asyncio.sleep(wait_s)
