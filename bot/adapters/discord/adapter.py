"""The Discord adapter: connects, registers commands, and reconnects with backoff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from bot.adapters.background_tasks import MAX_TASKS, BackgroundTasks
from bot.adapters.backoff import Backoff
from bot.adapters.discord.client import DiscordClient, ShardedDiscordClient
from bot.adapters.discord.inbound.command_tree import register
from bot.adapters.discord.inbound.handlers import Handlers
from bot.adapters.discord.inbound.history import fetch_files, make_reader
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.outbound.command_links import set_links, written
from bot.adapters.discord.outbound.new_reply import UNREACHABLE, open_reply
from bot.adapters.discord.outbound.offers import Offers
from bot.adapters.discord.outbound.poster import ClientHolder
from bot.adapters.discord.outbound.repair import repair
from bot.adapters.discord.setup import account
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.gateway import log_in, stay_connected, stay_connected_sharded
from bot.adapters.discord.transport.rate_limits import keep_pace
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.protocol import Core
from bot.commands.checks import Asker
from bot.config.platforms import DiscordSettings
from bot.errors import AdapterError, Refused
from bot.events import Attachment, Reader
from bot.private_files import PrivateFolder
from bot.replies.edit_budget import EditBudget
from bot.replies.protocol import Replies, Reply, Sink
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)


async def _may_read() -> bool:
    return True  # whoever asks for a reader has found out


@dataclass(frozen=True, slots=True)
class _Run:
    """What the core's questions need of the run that is under way."""

    client_holder: ClientHolder
    replies: Replies
    membership: Membership


@dataclass
class DiscordAdapter:
    """Serves one Discord application.

    `data_dir` holds the record of which commands were registered last.
    """

    settings: DiscordSettings
    token: str = field(repr=False)
    data_dir: Path
    timing: Timing = field(default_factory=Timing)
    name: str = "discord"
    _running: _Run | None = field(default=None, init=False, repr=False)
    _repair: Callable[[Sequence[Reply]], None] | None = field(default=None, init=False, repr=False)
    max_tasks: int = MAX_TASKS
    """Events that are handled at the same time; the authors of further ones are refused."""
    _client: DiscordClient | None = field(default=None, init=False, repr=False)

    @property
    def connected(self) -> bool:
        """Whether Discord's events arrive."""
        return self._client is not None and self._client.connected

    async def run(self, core: Core) -> None:
        """Serve until cancelled, connecting again whenever the connection ends.

        Raises `AdapterError` where only an operator can help.
        """
        unfinished = await core.replies.unfinished(self.name)  # before this run adds its own
        client_holder = ClientHolder(self.timing.request_patience, self.settings)
        membership = Membership(core, client_holder, self.timing)
        handlers = Handlers(
            core, client_holder, self.timing, self.settings, membership, self.max_tasks
        )
        background_tasks = BackgroundTasks("discord")
        backoff = self._make_backoff()
        self._running = _Run(client_holder, core.replies, membership)
        connected = ExitStack()
        first = True

        def start_repair(unfinished: Sequence[Reply]) -> None:
            background_tasks.start(repair(unfinished, core, client_holder), "repair")

        try:
            while True:
                client = self._client = self._make_client(core, handlers, client_holder.requests)
                try:
                    await log_in(client, self.token)
                    client_holder.set(client)
                    background_tasks.start(self._register_commands(client), "registering commands")
                    if first:
                        connected.enter_context(core.connect(self))
                        self._repair = start_repair
                        start_repair(unfinished)
                    first = False
                    await self._stay_connected(client, backoff)
                except AdapterError:
                    raise
                except Exception as exc:  # noqa: BLE001  # whatever ends a client, another follows
                    _log.warning("discord.client_ended", error=f"{type(exc).__name__}: {exc}"[:200])
                finally:
                    self._client = None
                    client_holder.set(None)
                    await client.close()
                await asyncio.sleep(backoff.delay())
        finally:
            connected.close()
            self._running = self._repair = None
            client_holder.close()
            await background_tasks.close()
            await handlers.close()

    async def check(self) -> Sequence[str]:
        """What the operator should change, one sentence each; empty when all is well."""
        return await account.check(self.settings, self.token)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply without an event; for one person alone it is a direct message.

        A person who takes no direct messages is noticed only when it is sent. Raises `NotFound`,
        `Refused` and `Failed`, as the protocol says.
        """
        if (run := self._running) is None:
            raise Refused(UNREACHABLE)
        holder, timing = run.client_holder, self.timing
        return await open_reply(holder, run.replies, timing, conversation, audience, turn)

    def repair_replies(self, unfinished: Sequence[Reply]) -> None:
        """Mark the replies that a process left which died."""
        if self._repair is not None:
            self._repair(unfinished)

    async def withdraw_reply(self, reply: Reply) -> None:
        """Delete the messages of an answer that another one has replaced."""
        if (run := self._running) is not None:
            await Offers(run.replies, run.client_holder).remove(reply)

    async def files_of(self, conversation: ConversationKey, message: str) -> Sequence[Attachment]:
        """The files of a message, by its id; none where it is gone."""
        if (run := self._running) is None:
            return ()
        return await fetch_files(await run.client_holder.client(), conversation, message)

    def reader_of(self, conversation: ConversationKey) -> Reader | None:
        """A reader of a channel or thread, for somebody of whom it is known that they may read."""
        run, own = self._running, self._client.user if self._client is not None else None
        if run is None or own is None:
            return None
        place = payloads.place_of(conversation)
        return make_reader(run.client_holder, own.id, place, _may_read)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """A channel of the same server, by its name or id."""
        guild = None
        if self._client is not None and near.workspace.isdecimal():
            guild = self._client.get_guild(int(near.workspace))
        for channel in guild.text_channels if guild is not None else ():
            if name in {channel.name, str(channel.id)}:
                return ConversationKey(near.platform, near.workspace, str(channel.id))
        return None

    async def place_name(self, place: ConversationKey) -> str:
        """The server and the channel as Discord shows them; empty for one that is not known."""
        guild = None
        if self._client is not None and place.workspace.isdecimal():
            guild = self._client.get_guild(int(place.workspace))
        channel = guild.get_channel(int(place.channel)) if guild is not None else None
        return "" if guild is None or channel is None else f"{guild.name} / #{channel.name}"

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person as they are now in a place; None if they cannot read there."""
        run = self._running
        return None if run is None else await run.membership.asker_now(person, place)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels and servers that a person can read."""
        run = self._running
        return frozenset() if run is None else await run.membership.channels_of(person, channels)

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """None: Discord says with each event which roles a person has."""
        return None

    def written(self, call: str) -> str:
        """A call such as `/ask how so?` as Discord shows it, in Markdown."""
        return written(call)

    def _make_backoff(self) -> Backoff:
        return Backoff(self.timing.backoff_base, self.timing.backoff_cap)

    def _make_client(self, core: Core, handlers: Handlers, requests: EditBudget) -> DiscordClient:
        parts = (self.settings, handlers, core.commands, self.timing)
        options: dict[str, Any] = {"http_trace": keep_pace(requests)}
        match self.settings.shards:
            case None:
                return DiscordClient(*parts, **options)
            case "auto":
                return ShardedDiscordClient(*parts, **options)
            case number:
                return ShardedDiscordClient(*parts, shard_count=number, **options)

    async def _stay_connected(self, client: DiscordClient, backoff: Backoff) -> None:
        if isinstance(client, ShardedDiscordClient):
            await stay_connected_sharded(client, self._make_backoff)
        else:
            await stay_connected(client, backoff)

    async def _register_commands(self, client: DiscordClient) -> None:
        """Register the commands if they have changed; a failure leaves the old ones in place."""
        application = client.application_id
        if application is None:
            return
        folder = PrivateFolder(self.data_dir)
        try:
            set_links(await register(client.tree, application, self.settings.guilds, folder))
        except FAILURES as exc:
            _log.error("discord.registration_failed", error=str(exc)[:500])
