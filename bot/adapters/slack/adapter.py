"""The Slack adapter: identifies the bot, connects, and serves until cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import MAX_TASKS, BackgroundTasks
from bot.adapters.backoff import Backoff
from bot.adapters.protocol import Core
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound.files import Files
from bot.adapters.slack.inbound.history import HistoryReader
from bot.adapters.slack.inbound.listeners import register_listeners
from bot.adapters.slack.inbound.membership import Membership
from bot.adapters.slack.inbound.reception import Reception
from bot.adapters.slack.inbound.user_groups import UserGroups
from bot.adapters.slack.inbound.users import UserDirectory
from bot.adapters.slack.outbound.new_reply import UNREACHABLE, open_reply
from bot.adapters.slack.outbound.offers import Offers
from bot.adapters.slack.outbound.repair import repair
from bot.adapters.slack.setup.doctor import Doctor
from bot.adapters.slack.transport.client import API_URL, Client
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.http_mode import EVENTS_PATH, HttpEndpoint
from bot.adapters.slack.transport.rate_limits import ConnectionErrors, RateLimits
from bot.adapters.slack.transport.socket_mode import SocketMode
from bot.adapters.slack.transport.timing import Timing
from bot.adapters.slack.transport.tokens import (
    NO_APP_TOKEN,
    NO_SIGNING_SECRET,
    TokenWatch,
    retry_after,
    token_error,
)
from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.config.platforms import SlackSettings
from bot.errors import AdapterError, Refused
from bot.events import Attachment, Reader
from bot.http.messages import ASGIApp
from bot.replies.protocol import Replies, Reply, Sink
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)

_CALL_TIMEOUT_S = 30.0
_MAX_CONNECTIONS = 200
_MAX_RATE_LIMIT_RETRIES = 3
"""Times that one call is retried after a rate limit, before it fails."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What the core's questions need of the run that is under way."""

    client: Client
    reception: Reception
    replies: Replies
    membership: Membership
    groups: UserGroups
    history_reader: HistoryReader
    own_id: str

    @property
    def users(self) -> UserDirectory:
        return self.history_reader.users


@dataclass
class SlackAdapter:
    """Serves one Slack app in one workspace, over Socket Mode or HTTP.

    `base_url` is where the Web API is; tests point it at a server of theirs.
    """

    settings: SlackSettings
    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    timing: Timing = field(default_factory=Timing)
    base_url: str = API_URL
    name: str = "slack"
    everywhere: ClassVar[bool] = True
    """Slack gives each event to one of the connections, or of the processes behind a balancer."""
    listening: bool = True
    """Whether Slack's events come to this process; else only what others have received."""
    max_tasks: int = MAX_TASKS
    """Events that are handled at the same time; the authors of further ones are refused."""
    commands: Sequence[Command] = ()
    """Declared commands, which `check` compares with the live app's."""
    config_token: str | None = field(default=None, repr=False)
    notes: Sequence[str] = field(default=(), init=False)
    """Results of `check` that need no change."""
    public_url: str | None = None
    """Address at which Slack reaches the HTTP port, for the manifest."""
    _endpoint: HttpEndpoint | None = field(default=None, init=False, repr=False)
    _running: _Run | None = field(default=None, init=False, repr=False)
    _socket_mode: SocketMode | None = field(default=None, init=False, repr=False)
    _repair: Callable[[Sequence[Reply]], None] | None = field(default=None, init=False, repr=False)
    _processes: int = field(default=1, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.settings.mode == "http" and self.signing_secret:
            self._endpoint = HttpEndpoint(self.signing_secret, self.timing)

    @property
    def routes(self) -> Mapping[str, ASGIApp]:
        """What the HTTP port must offer for this platform: Slack's requests in HTTP mode."""
        return {EVENTS_PATH: self._endpoint} if self._endpoint is not None else {}

    @property
    def connected(self) -> bool:
        """Whether Slack's events can arrive: a connection is open, or requests are taken."""
        if not self.listening:
            return self._running is not None
        if self._endpoint is not None:
            return self._endpoint.serving
        return self._socket_mode is not None and self._socket_mode.connected

    def drain(self, *, others: bool) -> None:
        """Leave new events to other processes: in HTTP mode also to the next one, since Slack sends
        them again; over sockets to those that are connected now."""
        if self._endpoint is not None:
            self._endpoint.drain()
        elif others and self._socket_mode is not None:
            self._socket_mode.drain()

    def share_limits(self, processes: int) -> None:
        """Keep to an equal part of what Slack takes, as so many processes serve it."""
        self._processes = processes
        if self._running is not None:
            self._running.client.budgets.share_among(processes)

    async def run(self, core: Core) -> None:
        """Serve until cancelled, connecting again whenever the connection ends.

        Raises `AdapterError` where only an operator can help.
        """
        if (missing := self._missing_secret()) is not None:
            raise AdapterError(missing)
        unfinished = await core.replies.unfinished(self.name)  # before this run adds its own
        background_tasks = BackgroundTasks("slack", self.max_tasks)
        watch = TokenWatch()
        async with _make_session() as session:
            client = self._make_client(self.bot_token, session, watch)
            client.budgets.share_among(self._processes)
            try:
                me = await self._identify(client)
                # Bolt looks at files while it is put together.
                app = await asyncio.to_thread(self._make_bolt, me)
                named = partial(core.named_roles, self.name)
                groups = UserGroups(client, named, timeout_s=self.timing.context_lookup)
                users = UserDirectory(client, groups, timeout_s=self.timing.person_lookup)
                membership = Membership(client, users, self.timing, str(me["team_id"]))
                history_reader = HistoryReader(
                    client, users, Files(client), depth=0, timeout_s=self.timing.context_lookup
                )
                known = [command.name for command in core.commands]
                client.write_commands = partial(self._names.in_notice, known=known)
                reception = register_listeners(
                    app, core, client, self.timing, background_tasks, str(me["bot_user_id"]),
                    users, groups, names=self._names,
                    introduction=self.settings.introduction,
                    thread_context=self.settings.thread_context,
                    streaming=self.settings.agent and self.settings.streaming == "auto",
                )  # fmt: skip

                self._running = _Run(
                    client, reception, core.replies, membership, groups, history_reader,
                    str(me["bot_user_id"]),
                )  # fmt: skip

                def start_repair(unfinished: Sequence[Reply]) -> None:
                    background_tasks.start(repair(client, core, unfinished, self.timing), "repair")

                self._repair = start_repair
                start_repair(unfinished)
                with core.connect(self):
                    await _run_until_first(
                        self._serve(reception, client, session), self._until_refused(watch, client)
                    )
            finally:
                self._running = self._repair = None
                await background_tasks.close()

    async def handle_received(self, payload: Mapping[str, Any]) -> None:
        """Handle a request of Slack that was stored when it came, perhaps by another process."""
        if (run := self._running) is None:
            raise AdapterError("Slack is not connected.")
        await run.reception.handle(payload)

    async def check(self) -> Sequence[str]:
        """What the operator should change, one sentence each; empty when all is well.

        Remarks that need no change are then in `notes`.
        """
        if (missing := self._missing_secret()) is not None:
            return [missing]
        async with _make_session() as session:
            app = (
                self._make_client(self.app_token, session)
                if self.settings.mode == "socket"
                else None
            )
            config = self._make_client(self.config_token, session) if self.config_token else None
            bot = self._make_client(self.bot_token, session)
            doctor = Doctor(self.settings, self.commands, bot, app, config, self.public_url)
            report = await doctor.examine()
        self.notes = tuple(report.notes)
        return report.problems

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply without an event; for one person alone it is a direct message.

        Raises `NotFound`, `Refused` and `Failed`, as the protocol says.
        """
        if (run := self._running) is None:
            raise Refused(UNREACHABLE)
        client, timing = run.client, self.timing
        return await open_reply(client, run.replies, timing, conversation, audience, turn)

    def repair_replies(self, unfinished: Sequence[Reply]) -> None:
        """Mark the replies that a process left which died."""
        if self._repair is not None:
            self._repair(unfinished)

    async def withdraw_reply(self, reply: Reply) -> None:
        """Delete the messages of an answer that another one has replaced."""
        if (run := self._running) is not None:
            await Offers(run.client).remove(reply)

    async def files_of(self, conversation: ConversationKey, message: str) -> Sequence[Attachment]:
        """The files of a message, by its event's id; none where it is gone."""
        run, (channel, _, ts) = self._running, message.partition(":")
        if run is None or not ts:
            return ()
        found = await run.history_reader.fetch_message(channel, conversation.thread or ts, ts)
        return run.history_reader.files.attachments_of(found or {})

    def reader_of(self, conversation: ConversationKey) -> Reader | None:
        """A reader of a channel or thread, for somebody of whom it is known that they may read."""
        if (run := self._running) is None:
            return None
        return run.history_reader.make_reader(conversation.channel, conversation.thread, run.own_id)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """A channel that the bot is in, by its name or id."""
        if (run := self._running) is None:
            return None
        channel = await run.membership.find_channel(name)
        return None if channel is None else ConversationKey(near.platform, near.workspace, channel)

    async def place_name(self, place: ConversationKey) -> str:
        """The channel as Slack shows it; empty for a direct message."""
        run = self._running
        return "" if run is None else await run.membership.channel_name(place.channel)

    async def time_zone_of(self, person: str) -> str:
        """The time zone of a person's profile."""
        run, user = self._running, person.partition(":")[2]
        return "" if run is None else await run.users.time_zone(user)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person as they are now in a place; None if they are not in it."""
        run = self._running
        return None if run is None else await run.membership.asker_now(person, place)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels that a person is in."""
        run = self._running
        return frozenset() if run is None else await run.membership.channels_of(person, channels)

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """Why a rule that names these user groups could not work; None if it can."""
        run = self._running
        return None if run is None else await run.groups.problem(roles)

    def written(self, call: str) -> str:
        """A call such as `/ask how so?` as it is written in Slack, in Markdown."""
        return self._names.written(call)

    @property
    def _names(self) -> CommandNames:
        return CommandNames(self.settings.command_prefix)

    def _missing_secret(self) -> str | None:
        if self.settings.mode == "http":
            return None if self.signing_secret else NO_SIGNING_SECRET
        return None if self.app_token else NO_APP_TOKEN

    def _make_client(
        self, token: str | None, session: aiohttp.ClientSession, watch: TokenWatch | None = None
    ) -> Client:
        return Client(
            token=token,
            base_url=self.base_url,
            session=session,
            options=self.settings,
            retry_handlers=[
                *([watch] if watch is not None else []),
                ConnectionErrors(),
                RateLimits(max_retry_count=_MAX_RATE_LIMIT_RETRIES),
            ],
        )

    async def _identify(self, client: AsyncWebClient) -> AuthorizeResult:
        """Identify the bot, retrying until Slack answers. Raises `AdapterError`."""
        backoff = Backoff(self.timing.backoff_base, self.timing.backoff_cap)
        while True:
            try:
                async with asyncio.timeout(self.timing.handshake):
                    answer = await client.auth_test()
                return AuthorizeResult.from_auth_test_response(
                    auth_test_response=answer, bot_token=self.bot_token
                )
            except Exception as exc:  # whatever it was, the next try may do better
                if (final := token_error(exc, "bot")) is not None:
                    raise final from exc
                wait = max(backoff.delay(), retry_after(exc))
                expected = isinstance(exc, FAILURES)
                _log.warning(
                    "slack.connection_failed",
                    error=error_of(exc),
                    retry_s=round(wait, 1),
                    exc_info=None if expected else exc,
                )
            await asyncio.sleep(wait)

    def _make_bolt(self, me: AuthorizeResult) -> AsyncApp:
        """Bolt without listeners, with a fixed identity, so it makes no call per event."""

        async def authorize() -> AuthorizeResult:
            return me

        return AsyncApp(
            client=Client(base_url=self.base_url),
            authorize=authorize,
            signing_secret=self.signing_secret or "",
            ignoring_self_events_enabled=False,  # they tell that an answer was deleted
        )

    def _serve(
        self, reception: Reception, client: AsyncWebClient, session: aiohttp.ClientSession
    ) -> Coroutine[Any, Any, Any]:
        if not self.listening:
            return asyncio.Event().wait()
        if self._endpoint is not None:
            return self._endpoint.serve(reception.dispatch)
        # Its calls wait as our own backoff says.
        opening = Client(self.app_token, self.base_url, session=session, retry_handlers=[])
        self._socket_mode = SocketMode(
            reception.dispatch, opening, session, self.timing, client.auth_test
        )
        return self._socket_mode.serve()

    async def _until_refused(self, watch: TokenWatch, client: AsyncWebClient) -> None:
        """Raise `AdapterError` when Slack refuses the bot token while serving."""
        while True:
            await watch.wait_refused()
            await self._identify(client)
            _log.warning("slack.token_refused_once")
            await asyncio.sleep(self.timing.backoff_cap)


def _make_session() -> aiohttp.ClientSession:
    """An HTTP session that keeps connections to Slack open between calls."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S),
    )


async def _run_until_first(*work: Coroutine[Any, Any, Any]) -> None:
    """Run coroutines until the first one ends, cancel the others; raises what it raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
