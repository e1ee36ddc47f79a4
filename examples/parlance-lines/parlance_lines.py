"""A chat platform for Parlance: lines of text over TCP, each a message in a conversation.

A client says who it is, `TOKEN NAME`, and then what it has to say, `CONVERSATION TEXT`. It reads
`CONVERSATION all TEXT`, which everybody in that conversation is told, and `CONVERSATION you TEXT`,
which is for its person alone. In a text `\\n` is a line break and `\\\\` a backslash.

The platform has no edits, no buttons, no threads, no files and no roles. Whoever has the token may
call themselves as they like.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import re
import uuid
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from bot.api import (
    AdapterError,
    Asker,
    Author,
    ConversationKey,
    Core,
    Findings,
    Limits,
    Message,
    MessagePort,
    MessageSink,
    Platform,
    PlatformContext,
    PlatformSettings,
    Refused,
    Replies,
    ReplyTiming,
    Sink,
    View,
    hookimpl,
    notice_text,
    say,
    source_line,
    translate,
)

NAME = "lines"
HOST = "127.0.0.1"
MAX_LINE_CHARACTERS = 4000
TOKEN = "LINES_TOKEN"
MIN_TOKEN_CHARS = 16
MAX_LINE_BYTES = 16 * 1024
MAX_CONNECTIONS = 100
MAX_JOINED = 50
"""Conversations that one connection may be in."""
MAX_UNSENT_LINES = 200
"""Lines that wait for a client that does not read; it is then disconnected."""
MAX_KEPT_LINES = 20
"""Lines that are kept for a conversation while nobody is in it."""
MAX_KEPT_CONVERSATIONS = 500
HELLO_TIMEOUT_S = 10.0
HANG_UP_TIMEOUT_S = 1.0
INTERRUPTED = say("⚠️ This answer was interrupted by a restart.")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,32}")
_CONVERSATION = re.compile(r"@?[A-Za-z0-9._-]{1,32}")
_ESCAPES = {"\\": "\\", "n": "\n"}


class LinesSettings(PlatformSettings):
    """Lines of text over TCP; starts when LINES_TOKEN is set."""

    port: int = 7070
    """Port on 127.0.0.1; 0: any that is free."""


def escape(text: str) -> str:
    """A text as one line."""
    flat = text.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)


def unescape(text: str) -> str:
    """The text that a line stands for."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text)


class Connection:
    """A client whose person is known; `send` never waits, and never piles up."""

    def __init__(self, person: str, writer: asyncio.StreamWriter) -> None:
        self.person = person
        self.joined: set[str] = set()
        self._writer = writer
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT_LINES)

    def send(self, line: str) -> None:
        """Send a line, as soon as the client reads it; one that does not is disconnected."""
        try:
            self._unsent.put_nowait(line)
        except asyncio.QueueFull:
            self._writer.transport.abort()

    async def write(self) -> None:
        """Write what is sent until the connection is lost."""
        with suppress(OSError):
            while True:
                self._writer.write(f"{await self._unsent.get()}\n".encode())
                await self._writer.drain()


class Rooms:
    """Who is in which conversation, and what was said while nobody was."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._kept: dict[str, deque[str]] = {}

    def join(self, connection: Connection, conversation: str) -> None:
        """Add a client to a conversation; it is sent what nobody has read there."""
        if conversation in connection.joined or len(connection.joined) >= MAX_JOINED:
            return
        connection.joined.add(conversation)
        for line in self._kept.pop(conversation, ()):
            connection.send(line)

    def tell(self, conversation: str, text: str, person: str | None = None) -> None:
        """Tell everybody in a conversation, or one person alone, who need not be in it."""
        line = f"{conversation} {'all' if person is None else 'you'} {escape(text)}"
        there = [
            c
            for c in self.connections
            if (conversation in c.joined if person is None else person == c.person)
        ]
        for connection in there:
            connection.send(line)
        if not there and person is None:
            self._keep(conversation, line)

    def people(self, conversation: str) -> set[str]:
        """Who is in a conversation just now."""
        return {c.person for c in self.connections if conversation in c.joined}

    def _keep(self, conversation: str, line: str) -> None:
        self._kept.setdefault(conversation, deque(maxlen=MAX_KEPT_LINES)).append(line)
        if len(self._kept) > MAX_KEPT_CONVERSATIONS:
            del self._kept[next(iter(self._kept))]


def _source(title: str, url: str) -> str:
    return f"{title} ({url})" if url and url != title else title


class LinesPort(MessagePort[str]):
    """Posts the messages of one reply as lines; the rest of a reply is `MessageSink`'s.

    `person` is the asker; empty for a reply that no event asked for.
    """

    limits = Limits(
        max_chars=MAX_LINE_CHARACTERS,
        edit_interval_s=1.0,
        streams=False,
        edits=False,
        deletes=False,
        ephemeral=True,
        files="none",
    )

    def __init__(self, rooms: Rooms, place: str, person: str) -> None:
        self._rooms = rooms
        self._place = place
        self._person = person
        self.direct = place.startswith("@")

    def render(self, view: View) -> Sequence[str]:
        """The lines of a reply: heading, pages, sources, then what the bot itself says."""
        alone = not self.direct
        lines = [
            view.heading,
            *view.pages,
            *source_line(view.sources, _source, MAX_LINE_CHARACTERS, view.locale),
            *(notice_text(n, view.locale) for n in view.notices if not (n.private and alone)),
        ]
        return [line for line in lines if line.strip()]

    async def post(self, message: str, key: str) -> str:
        """Tell everybody in the conversation."""
        self._rooms.tell(self._place, message)
        return key

    async def ephemeral(self, message: str) -> None:
        """Tell the asker alone."""
        self._rooms.tell(self._place, message, self._person)


class LinesAdapter:
    """Serves the clients of one port; `port` is the real one while it does."""

    name = NAME

    def __init__(self, settings: LinesSettings, token: str) -> None:
        self.port = settings.port
        self.connected = False
        self._token = token.encode()
        self._run = uuid.uuid4().hex[:12]
        self._ids = itertools.count(1)
        self._rooms = Rooms()
        self._clients: set[asyncio.Task[None]] = set()
        self._replies: Replies | None = None

    async def run(self, core: Core) -> None:
        """Serve until cancelled. Raises `AdapterError` if the port is taken."""

        def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._clients) >= MAX_CONNECTIONS:
                writer.transport.abort()
                return
            task = asyncio.create_task(self._serve(core, reader, writer), name="lines client")
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

        try:
            server = await asyncio.start_server(greet, HOST, self.port, limit=MAX_LINE_BYTES)
        except OSError:
            raise AdapterError(
                f"lines.port: {self.port} cannot be used; does another program have it?"
            ) from None
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            self._replies = core.replies
            try:
                with core.connect(self):
                    await self._tell_of_interrupted(core)
                    self.connected = True
                    await asyncio.Event().wait()
            finally:
                self.connected = False
                for task in self._clients:
                    task.cancel()
                await asyncio.gather(*self._clients, return_exceptions=True)

    # --- without an event -----------------------------------------------------------------------

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply that no event asked for; for one person it goes to their own
        conversation. Raises `Refused` where nobody would read it."""
        if self._replies is None:
            raise Refused("Nobody is connected.")
        if audience is None:
            return self._reply(self._replies, conversation, "")
        if audience.id not in {connection.person for connection in self._rooms.connections}:
            raise Refused("This person is not connected.")
        return self._reply(self._replies, _key(f"@{audience.id}"), audience.id)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person as they are now in a conversation; None if they are not in it. Who is not
        connected is nowhere."""
        ident = person.partition(":")[2]
        if place != _key(place.channel) or ident not in self._rooms.people(place.channel):
            return None
        return Asker(_author(ident), place, direct=place.channel.startswith("@"))

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the conversations that a person is in just now."""
        ident = person.partition(":")[2]
        own = [connection for connection in self._rooms.connections if connection.person == ident]
        keys = {_key(name).scope("channel") for each in own for name in each.joined}
        if own:
            keys.add(_key("").scope("workspace"))
        return frozenset(keys.intersection(channels))

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """There are no roles here, so that a rule that names one holds for nobody."""
        return "People have no roles on this platform." if roles else None

    # --- a client -------------------------------------------------------------------------------

    async def _serve(
        self, core: Core, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Talk to one client until it leaves."""
        writing: asyncio.Task[None] | None = None
        connection: Connection | None = None
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                person = self._known(await reader.readline())
            if person is None:
                writer.write(b"- you The token or the name is not right.\n")
                await writer.drain()
                return
            connection = Connection(person, writer)
            self._rooms.connections.add(connection)
            self._rooms.join(connection, f"@{person}")
            writing = asyncio.create_task(connection.write(), name=f"lines to {person}")
            connection.send(f"- you Hello {person}.")
            while line := await reader.readline():
                if line.strip():
                    await self._take(core, connection, line)
        except (OSError, ValueError, TimeoutError):
            pass  # lost, silent for too long, or a line that is too long: the client may come again
        finally:
            if connection is not None:
                self._rooms.connections.discard(connection)
            await _hang_up(writer, writing)

    def _known(self, line: bytes) -> str | None:
        """The person who says hello with the right token; None for anybody else."""
        token, _, name = line.strip().rpartition(b" ")
        right = hmac.compare_digest(token, self._token)
        person = name.decode(errors="replace")
        return person if right and _WORD.fullmatch(person) else None

    async def _take(self, core: Core, connection: Connection, line: bytes) -> None:
        """Hand a line over to the core."""
        place, _, text = line.decode(errors="replace").strip().partition(" ")
        own = place == f"@{connection.person}"
        if not _CONVERSATION.fullmatch(place) or (place.startswith("@") and not own):
            connection.send("- you Write it like: CONVERSATION TEXT.")
            return
        self._rooms.join(connection, place)
        if not text.strip():
            return
        ident, key = f"{self._run}-{next(self._ids)}", _key(place)
        event = Message(ident, key, _author(connection.person), unescape(text), direct=own)
        await core.accept(event, self._reply(core.replies, key, connection.person))

    def _reply(self, replies: Replies, place: ConversationKey, person: str) -> Sink:
        port = LinesPort(self._rooms, place.channel, person)
        return MessageSink(port, replies, place, ReplyTiming())

    async def _tell_of_interrupted(self, core: Core) -> None:
        """Say of each reply that an earlier process has left unfinished what has become of it."""
        for reply in await core.replies.unfinished(self.name):
            place = ConversationKey.parse(reply.conversation)
            locale = await core.find_language(place, answer=reply.turn)
            self._rooms.tell(place.channel, translate(INTERRUPTED, locale))
            await core.replies.save(replace(reply, finished=True))


async def _hang_up(writer: asyncio.StreamWriter, writing: asyncio.Task[None] | None) -> None:
    """Close a connection; what the client does not read in time is lost."""
    writer.close()
    try:
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        async with asyncio.timeout(HANG_UP_TIMEOUT_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        pass  # it is gone, or does not read
    finally:
        writer.transport.abort()


def _key(conversation: str) -> ConversationKey:
    return ConversationKey(NAME, "local", conversation)


def _author(person: str) -> Author:
    return Author(NAME, person, person)


# --- the declaration ------------------------------------------------------------------------------


def create(context: PlatformContext) -> LinesAdapter | None:
    """Make the adapter, if the operator has set a token."""
    token = context.secret(TOKEN)
    return LinesAdapter(context.settings, token) if token else None


def manifest(context: PlatformContext, url: str | None) -> str:
    """Describe how a client connects."""
    lines = [
        f"Connect to {HOST}, port {context.settings.port}. Write a line with the token and a name,",
        "then lines with a conversation and a text each. Commands:",
        *(f"  /{command.name} — {command.description}" for command in context.commands),
    ]
    return "\n".join(lines)


async def check(context: PlatformContext) -> Findings:
    """Say what is wrong with the token, if anything is."""
    if len(context.secret(TOKEN) or "") < MIN_TOKEN_CHARS:
        return Findings([f"{TOKEN} can be guessed: give it {MIN_TOKEN_CHARS} characters or more."])
    return Findings(notes=["whoever has the token may call themselves as they like"])


@hookimpl
def register_platforms() -> Sequence[Platform]:
    """Return the platform."""
    return [Platform(NAME, LinesSettings, create, manifest, check)]
