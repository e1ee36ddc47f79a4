"""The interface between a platform adapter and the core.

An adapter turns a platform's payload into an `Event`, hands it to the core together with a `Sink`
for the reply, and knows nothing of skills, models or history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.events import Event
from bot.replies.protocol import Replies, Reply, Sink
from bot.settings.values import ChannelSettings
from bot.types import Author, ConversationKey, Scope


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was accepted, possibly by an earlier process.

    `turn` is the id of its latest answer; `cut_off` tells whether a process ended while that answer
    was being written.
    """

    event: str
    turn: str
    text: str
    conversation: ConversationKey
    author: Author
    cut_off: bool = False


class ReceivedEvents(Protocol):
    """Keeps events as they came, so that none is lost with its process (`bot.processes`)."""

    async def put(
        self,
        platform: str,
        key: str,
        event: str,
        place: str,
        person: str,
        payload: Mapping[str, Any],
    ) -> Literal["here", "elsewhere", "known"]:
        """Store an event before it is acknowledged, and return who handles it: "here" this process,
        "elsewhere" another one, by its `Adapter.handle_received`; "known" is one that was stored
        before, and is dropped.

        `key` is the platform's id of this delivery, `event` the id by which the core will claim
        what is asked (`Message.id`, `CommandCall.id`), `place` that within which events keep their
        order (an id of a channel), `person` the `Author.key` of who caused it, and `payload` what
        `handle_received` takes, as JSON can hold it. Raises `StorageError` where it cannot be
        stored within 1.5 s; then it is to be handled here.
        """
        ...


class Core(Protocol):
    """What an adapter may call of the core."""

    @property
    def received(self) -> ReceivedEvents | None:
        """Where events are stored before they are acknowledged; None where nothing is kept."""
        ...

    @property
    def commands(self) -> Sequence[Command]:
        """The commands of all loaded plugins, without those that are off everywhere."""
        ...

    @property
    def replies(self) -> Replies:
        """The stored addresses of replies, by turn."""
        ...

    def connect(self, adapter: Adapter) -> AbstractContextManager[None]:
        """Register an adapter under its name for the duration of a `with` block.

        An adapter enters it in `run` as soon as it can answer the methods below `run`.
        """
        ...

    async def accept(self, event: Event, sink: Sink) -> None:
        """Take an event; returns as soon as it is queued. The answer goes to the sink.

        An event id that was accepted before is dropped. Never raises for what a person did.
        """
        ...

    async def question(self, platform: str, event: str) -> Question | None:
        """The stored question of an event, for when it is edited or deleted; None if unknown.

        Questions of earlier processes are found, too.
        """
        ...

    async def inquiry_form(self, name: str, person: str | None = None) -> Command | None:
        """The form of something that a person is asked while a tool works for them, by the value of
        its button or the name in a call; with `person` (an `Author.key`) only if it is they who are
        asked. None for any other name, and where nothing is to be filled in."""
        ...

    async def complete(
        self,
        command: str,
        option: str,
        prefix: str,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool = False,
    ) -> Sequence[str]:
        """Suggestions for an option's value, best first, at most 25; empty where there are none.
        `direct` says that the conversation is a direct message."""
        ...

    def admits(
        self, author: Author, conversation: ConversationKey, action: str = "message"
    ) -> bool:
        """Whether this person is answered here; `action` is the name of a command, or `message`.

        What is not let in goes to `accept` all the same, which tells them why, but nothing is
        prepared for an answer: no thread, no form.
        """
        ...

    async def introduce(self, conversation: ConversationKey, once_per: Scope) -> None:
        """Say how to ask, in a conversation to which the bot was invited; nothing where it has
        done so in this scope before, may not write, or does not work."""
        ...

    async def find_language(
        self, conversation: ConversationKey, person: str | None = None, *, answer: str = ""
    ) -> str | None:
        """The language in which something is said that is no part of a reply, as a locale for
        `translate`; None is English. It is the language of the place, else of the person, whose
        locale `person` is, else of the question that is answered by `answer`, the id of a turn."""
        ...

    def answers_in_place(self, text: str, *, files: bool = False) -> bool:
        """Whether a message with this text is answered where it stands: no thread is opened for
        one that is empty (without `files`, either), or that calls a quick command such as `stop`.
        """
        ...

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings:
        """The settings that are in force in a conversation's channel."""
        ...

    async def commands_for(
        self, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> Sequence[Command]:
        """The commands that this person may use here; the others are not listed to them."""
        ...

    async def may_use(
        self, command: str, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> bool:
        """Whether this person may use a command here (for hiding: `accept` asks again)."""
        ...

    async def named_roles(self, platform: str) -> frozenset[str]:
        """The ids of the roles and groups of a platform that any rule names.

        Where none does, an adapter that has to ask for a person's roles need not. Ids that belong
        to another platform may be among them.
        """
        ...


class Adapter(Protocol):
    """A chat platform: receives events, and shows replies.

    The core calls the methods below `run` while the adapter is connected (`Core.connect`).
    `person` is an `Author.key`. Where the platform cannot tell something in a few seconds, the
    answer is the one that permits least.

    It may have more, which is used where it is there: `everywhere`, whether each of several
    processes serves it at the same time, and its events come to any of them (otherwise one process
    serves it, and another takes over where that dies); `repair_replies(unfinished)`, which marks
    replies that a process left which died; `connected`, whether its events arrive now;
    `handle_received(payload)`, which handles an event that was stored as it came
    (`ReceivedEvents`), and `received_format`, the number of the format that it reads, else 0;
    `routes`, ASGI apps that the HTTP port offers for it, by path; `withdraw_reply(reply)`, which
    takes the messages of an answer away that another one has replaced; `files_of(conversation,
    message)`, the files of a message, by the id of its event; `reader_of(conversation)`, a reader
    of its messages (`bot.events.Reader`), for who may read them (`asker_now`);
    `find_channel(conversation, name)`, the key of a channel beside it, by its name or id, or None;
    `place_name(conversation)`, how its channel is called, or an empty text;
    `time_zone_of(person)`, the zone that they have set there, or an empty text;
    `has_guests`, whether people of other platforms talk there, whom `asker_now` is asked for as
    well; `drain(others)`, called when the process is about to end, with whether `others` serve the
    platform beside it: what these get in its place is not taken any more, while open replies go on;
    `share_limits(processes)`, called when another number of processes serves the platform at the
    same time: each keeps to its part of what the platform takes;
    and `written(call)`, how a call such as `/ask how so?` is shown to people, as Markdown. A
    platform that is served `alone` may have `interactive`, whether Ctrl-C belongs to it; `settled`,
    an `asyncio.Event` before which nothing is done that can wait; and `status`, the exit status.
    """

    name: str

    async def run(self, core: Core) -> None:
        """Serve until cancelled. Returns when the platform is done (end of input).

        Reconnects by itself with backoff. Raises `AdapterError` where only an operator can help.
        """
        ...

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply that no event asked for; nothing is shown before the sink is used.

        With `audience` only that person sees it, and the reply is kept under the conversation of
        their direct messages; None is everybody in the conversation's channel or thread. What is
        stored of the reply of `turn` (an id) tells which messages the new one stands beneath.
        Raises `NotFound` where the place is gone, `Refused` where the bot may not write, and
        `Failed` where the platform cannot be reached.
        """
        ...

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person as they are now in a place: name, roles, whether it is a direct message.

        None where they are not (any more) among those who can read there, or the platform cannot
        tell. `Asker.admin` is left for the core to fill in.
        """
        ...

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels that a person can read, as far as the platform can tell.

        Each is written as in config.yaml, `platform:workspace:channel`; `platform:workspace` is
        returned for a member of the workspace.
        """
        ...

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """Why a rule that names these role ids could not work, in a sentence; None if it can."""
        ...


def is_served_everywhere(adapter: Adapter | None) -> bool:
    """Whether each of several processes serves this platform at the same time."""
    return bool(getattr(adapter, "everywhere", False))


__all__ = [
    "Adapter",
    "ChannelSettings",
    "Core",
    "Question",
    "Replies",
    "Reply",
    "Sink",
]
