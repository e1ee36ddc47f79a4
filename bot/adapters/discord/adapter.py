"""The Discord adapter: connects, registers commands, and reconnects with backoff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import discord
import structlog

from bot.adapters.background_tasks import MAX_TASKS, BackgroundTasks
from bot.adapters.backoff import Backoff
from bot.adapters.discord.client import DiscordClient, ShardedDiscordClient, WritingClient
from bot.adapters.discord.inbound.command_tree import ask_ids, register
from bot.adapters.discord.inbound.handed_events import FORMAT
from bot.adapters.discord.inbound.handlers import Handlers
from bot.adapters.discord.inbound.history import fetch_files, make_reader
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.inbound.servers import AskedServers, Servers
from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.command_links import set_links, written
from bot.adapters.discord.outbound.new_reply import UNREACHABLE, open_reply
from bot.adapters.discord.outbound.offers import Offers
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
    servers: Servers
    membership: Membership
    handlers: Handlers


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
    received_format: ClassVar[int] = FORMAT
    """Number of the format of the events that `handle_received` reads."""
    listening: bool = True
    """Whether Discord's events come to this process, which is one at a time; else it handles what
    that one has received, and has no connection for events."""
    _running: _Run | None = field(default=None, init=False, repr=False)
    _repair: Callable[[Sequence[Reply]], None] | None = field(default=None, init=False, repr=False)
    max_tasks: int = MAX_TASKS
    """Events that are handled at the same time; the authors of further ones are refused."""
    _client: DiscordClient | None = field(default=None, init=False, repr=False)
    _processes: int = field(default=1, init=False, repr=False)

    @property
    def connected(self) -> bool:
        """Whether Discord's events arrive; where they are not to, whether the bot is logged in."""
        if not self.listening:
            return self._running is not None and self._running.client_holder.logged_in
        return self._client is not None and self._client.connected

    def share_limits(self, processes: int) -> None:
        """Keep to an equal part of the requests that Discord takes, as so many processes make
        some."""
        self._processes = processes
        if self._running is not None:
            self._running.client_holder.share_among(processes)

    async def run(self, core: Core) -> None:
        """Serve until cancelled, connecting again whenever the connection ends.

        Raises `AdapterError` where only an operator can help.
        """
        unfinished = await self._find_unfinished(core)  # before this run adds its own
        client_holder = ClientHolder(self.timing.request_patience, self.settings)
        client_holder.share_among(self._processes)
        servers = (
            Servers(client_holder) if self.listening else AskedServers(client_holder, self.timing)
        )
        membership = Membership(core, client_holder, servers, self.timing)
        handlers = Handlers(
            core, client_holder, self.timing, self.settings, membership, self.max_tasks
        )
        background_tasks = BackgroundTasks("discord")
        backoff = self._make_backoff()
        self._running = _Run(client_holder, core.replies, servers, membership, handlers)
        connected = ExitStack()
        first = True

        def start_repair(unfinished: Sequence[Reply]) -> None:
            background_tasks.start(repair(unfinished, core, client_holder), "repair")

        try:
            while True:
                client = self._make_client(core, handlers, client_holder.requests)
                self._client = client if isinstance(client, DiscordClient) else None
                try:
                    await log_in(client, self.token)
                    client_holder.set(client)
                    background_tasks.start(self._know_commands(client), "commands")
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

    async def handle_received(self, payload: Mapping[str, Any]) -> None:
        """Handle an event that was stored, perhaps by another process; returns when the core has
        taken it. Raises `UnknownFormat` for one of another version of the bot."""
        if (run := self._running) is None:
            raise AdapterError("Discord is not connected.")
        await run.handlers.handle_received(payload)

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
        return await open_reply(
            run.client_holder, run.servers.know, run.replies, self.timing, conversation, audience,
            turn,
        )  # fmt: skip

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
        run = self._running
        if run is None or not run.client_holder.own_id:
            return None
        holder, place = run.client_holder, payloads.place_of(conversation)
        return make_reader(holder, holder.own_id, place, _may_read)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        """A channel of the same server, by its name or id."""
        guild = await self._find_server(near)
        for channel in guild.text_channels if guild is not None else ():
            if name in {channel.name, str(channel.id)}:
                return ConversationKey(near.platform, near.workspace, str(channel.id))
        return None

    async def place_name(self, place: ConversationKey) -> str:
        """The server and the channel as Discord shows them; empty for one that is not known."""
        guild = await self._find_server(place)
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

    async def _find_unfinished(self, core: Core) -> Sequence[Reply]:
        """The replies that dead processes left, which are this one's to mark if it listens."""
        return await core.replies.unfinished(self.name) if self.listening else ()

    async def _find_server(self, place: ConversationKey) -> discord.Guild | None:
        """The server of a conversation; None where there is none, or Discord cannot tell."""
        run = self._running
        if run is None or not place.workspace.isdecimal():
            return None
        try:
            async with asyncio.timeout(self.timing.lookup):
                return await run.servers.find(int(place.workspace))
        except FAILURES as exc:
            _log.info("discord.server_lookup_failed", error=str(exc)[:200])
            return None

    def _make_backoff(self) -> Backoff:
        return Backoff(self.timing.backoff_base, self.timing.backoff_cap)

    def _make_client(self, core: Core, handlers: Handlers, requests: EditBudget) -> discord.Client:
        parts = (self.settings, handlers, core.commands, self.timing)
        options: dict[str, Any] = {"http_trace": keep_pace(requests)}
        if not self.listening:
            return WritingClient(**options)
        match self.settings.shards:
            case None:
                return DiscordClient(*parts, **options)
            case "auto":
                return ShardedDiscordClient(*parts, **options)
            case number:
                return ShardedDiscordClient(*parts, shard_count=number, **options)

    async def _stay_connected(self, client: discord.Client, backoff: Backoff) -> None:
        if isinstance(client, ShardedDiscordClient):
            await stay_connected_sharded(client, self._make_backoff)
        elif isinstance(client, DiscordClient):
            await stay_connected(client, backoff)
        else:
            await asyncio.Event().wait()  # it makes requests, each of which may fail by itself

    async def _know_commands(self, client: discord.Client) -> None:
        """Register the commands if they have changed, or ask for those of the process that does; a
        failure leaves the old ones in place."""
        application, guilds = client.application_id, self.settings.guilds
        if application is None:
            return
        folder = PrivateFolder(self.data_dir)
        try:
            if isinstance(client, DiscordClient):
                set_links(await register(client.tree, application, guilds, folder))
            else:
                set_links(await ask_ids(client, application, guilds))
        except FAILURES as exc:
            _log.error("discord.registration_failed", error=str(exc)[:500])
