"""A conversation as it stands in browsers: its entries, and the streams that show how they change.

An entry is rendered once for all who look, and only while somebody does.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from markupsafe import Markup

from bot.console.chat.kept_files import KeptFile, KeptFiles
from bot.console.live import KEEP_ALIVE_S, to_event
from bot.types import Action, ConversationKey, File, Notice, View

MAX_ENTRIES: Final = 300
"""Questions and replies of one conversation that are shown; the oldest go first."""
MAX_ASIDES: Final = 8
"""What was asked about one reply, such as why it says so, that is shown beneath it."""


@dataclass(slots=True, eq=False)
class Entry:
    """A question (`view` is None) or a reply (`text` is empty), with what is shown beneath it.

    `born` and `changed` are versions of the conversation.
    """

    id: str
    born: int
    text: str = ""
    model: str = ""
    """The model that a question names, if it names one."""
    view: View | None = None
    stored: bool = False
    """Whether it was read from the history, and not written in this process."""
    asides: dict[str, View] = field(default_factory=dict)
    kept: dict[tuple[str, int, int], KeptFile] = field(default_factory=dict)
    """Its files, each by what tells it from others without holding its bytes."""
    pieces: list[Markup] = field(default_factory=list)
    """What is rendered of an answer that grows and will not change any more."""
    changed: int = 0
    html: str = ""
    rendered: int = -1

    @property
    def files(self) -> Sequence[KeptFile]:
        """The files that stand in it."""
        return [*self.kept.values()]


Render: TypeAlias = Callable[["Conversation", Entry], Awaitable[str]]
"""Writes the HTML of an entry: one element, whose id is `element_id`."""


class Conversation:
    """One conversation. Changes are made at once, and shown as fast as each reader takes them.

    `person` is the `Author.key` of the only one who reads it, empty where it is not known.
    """

    def __init__(self, key: ConversationKey, person: str, shelf: KeptFiles, render: Render) -> None:
        self.key = key
        self.person = person
        self.readers = 0
        self.used_at = time.monotonic()
        self._shelf = shelf
        self._render = render
        self._run = secrets.token_hex(4)
        self._version = 0
        self._whole_from = 0
        self._entries: dict[str, Entry] = {}
        self._changed = asyncio.Event()
        self._rendering = asyncio.Lock()
        self._news: tuple[int, dict[int, bytes]] = (-1, {})
        self._closed = False

    @property
    def thread(self) -> str:
        """Its id in addresses."""
        return self.key.thread or ""

    @property
    def next_change(self) -> asyncio.Event:
        """Is set when anything changes."""
        return self._changed

    @property
    def busy(self) -> bool:
        """Whether somebody looks, or a reply is being written."""
        writing = (one.view is not None and one.view.state == "working" for one in self)
        return self.readers > 0 or any(writing)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, entry: str) -> Entry | None:
        """The entry of that id."""
        return self._entries.get(entry)

    def find(self, turn: str) -> Entry | None:
        """The last entry of the reply of a turn."""
        own = (one for one in self if one.view is not None and one.view.turn == turn)
        return max(own, key=lambda one: one.born, default=None)

    def file(self, ident: str) -> File | None:
        """A file that stands here; None if it does not, or is gone."""
        here = any(kept.id == ident for entry in self for kept in entry.files)
        return self._shelf.get(ident) if here else None

    def element_id(self, entry: Entry) -> str:
        """The id of an entry's element in a page."""
        return f"e-{self.thread}-{entry.id}".replace(".", "_")

    @property
    def list_id(self) -> str:
        """The id of the element that holds the entries."""
        return f"entries-{self.thread}".replace(".", "_")

    # --- changes ----------------------------------------------------------------------------------

    def ask(
        self,
        ident: str,
        text: str,
        files: Sequence[File] = (),
        *,
        model: str = "",
        stored: bool = False,
    ) -> None:
        """Add what a person says."""
        entry = self._add(Entry(ident, self._version + 1, text, model, stored=stored))
        self._keep(entry, files)

    def show(self, ident: str, view: View, *, after: str = "", stored: bool = False) -> None:
        """Show a reply, in place of what the entry of that id shows, or as a new entry: at the end,
        or `after` another one."""
        entry = self._entries.get(ident)
        if entry is None:
            entry = self._add(Entry(ident, self._version + 1), after)
        entry.stored = stored
        self._keep(entry, view.files)
        entry.view = replace(view, files=())
        self._touch(entry)

    def free_id(self, view: View) -> str:
        """The id of the entry for one more reply of a turn. One that waits, or of which nothing was
        shown yet, takes the place of what was read of it from the history."""
        known, number = self._entries.get(view.turn), 1
        if known is None or (known.stored and _goes_on(known.view, view)):
            return view.turn
        while f"{view.turn}-{number}" in self._entries:
            number += 1
        return f"{view.turn}-{number}"

    def remove(self, ident: str) -> None:
        """Take an entry away."""
        if (gone := self._entries.pop(ident, None)) is not None:
            self._shelf.remove([kept.id for kept in gone.files])
            self._start_over()

    def settle(self, ident: str, pressed: Action, choice: Notice | None) -> None:
        """Take away the buttons of a choice that was made, and show what was chosen."""
        entry = self._entries.get(ident)
        if entry is None or entry.view is None:
            return
        left = [one for one in entry.view.actions if not _is_settled(one, pressed)]
        said = () if choice is None or choice in entry.view.notices else (choice,)
        notices = (*entry.view.notices, *said)
        entry.view = replace(entry.view, actions=tuple(left), notices=notices)
        self._touch(entry)

    def put_aside(self, ident: str, about: str, view: View) -> None:
        """Show something beneath an entry, in place of what was shown there about the same."""
        if (entry := self._entries.get(ident)) is None:
            return
        entry.asides.pop(about, None)
        entry.asides[about] = replace(view, files=())
        while len(entry.asides) > MAX_ASIDES:
            del entry.asides[next(iter(entry.asides))]
        self._touch(entry)

    def close(self) -> None:
        """End the streams, and give up the files."""
        self._closed = True
        self._shelf.remove([kept.id for entry in self for kept in entry.files])
        self._tell()

    def end_streams(self) -> None:
        """End the streams; browsers open them again."""
        self._closed = True
        self._tell()

    def _add(self, entry: Entry, after: str = "") -> Entry:
        if after in self._entries and after != next(reversed(self._entries)):
            order = list(self._entries.values())
            order.insert(order.index(self._entries[after]) + 1, entry)
            self._entries = {one.id: one for one in order}
            self._start_over()
        else:
            self._entries[entry.id] = entry
        while len(self._entries) > MAX_ENTRIES:
            self.remove(next(iter(self._entries)))
        self._touch(entry)
        return entry

    def _keep(self, entry: Entry, files: Sequence[File]) -> None:
        for file in files:
            same = (file.name, len(file.data), id(file.data))
            if same not in entry.kept:
                entry.kept[same] = self._shelf.add(file)

    def _touch(self, entry: Entry) -> None:
        self._version += 1
        entry.changed = self._version
        self._tell()

    def _start_over(self) -> None:
        """Have every reader get all entries anew."""
        self._version += 1
        self._whole_from = self._version
        self._tell()

    def _tell(self) -> None:
        self.used_at = time.monotonic()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # --- what is shown ----------------------------------------------------------------------------

    async def html(self) -> tuple[str, str]:
        """All entries, and the state from which a stream goes on after them."""
        version = self._version
        await self._render_changed()
        return self._whole(version), f"{self._run}-{version}"

    async def events(
        self, seen: str, for_s: float, is_in: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[bytes, None]:
        """The stream of one reader, for so many seconds, as server-sent events: what has changed
        since the state `seen`. It ends when `is_in()`, asked now and then, says no."""
        loop = asyncio.get_running_loop()
        ends_at, asked_at = loop.time() + for_s, loop.time()
        run, _, number = seen.partition("-")
        version = int(number[:18]) if run == self._run and number.isdecimal() else -1
        self.readers += 1
        try:
            yield b": here\n\n"
            while not self._closed and (left_s := ends_at - loop.time()) > 0:
                if loop.time() - asked_at >= KEEP_ALIVE_S:
                    asked_at = loop.time()
                    if not await is_in():
                        return
                changed = self._changed
                if version == self._version:
                    try:
                        async with asyncio.timeout(min(KEEP_ALIVE_S, left_s)):
                            await changed.wait()
                    except TimeoutError:
                        yield b": still here\n\n"
                    continue
                event, version = await self._event(version)
                yield event
        finally:
            self.readers -= 1
            self.used_at = time.monotonic()

    async def _event(self, seen: int) -> tuple[bytes, int]:
        """What has changed since a version, and the version that is shown then; made once for all
        who have seen the same."""
        version = self._version
        await self._render_changed()
        if self._news[0] != version:
            self._news = (version, {})
        made = self._news[1]
        if seen not in made:
            made[seen] = to_event("\n".join(self._parts(seen, version)), f"{self._run}-{version}")
        return made[seen], version

    def _whole(self, version: int) -> str:
        return "".join(entry.html for entry in self if entry.born <= version)

    def _parts(self, seen: int, version: int) -> Iterator[str]:
        """What a reader of one version needs to show another; what came since is for the next."""
        if seen < self._whole_from:
            yield _part(self.list_id, "innerHTML", self._whole(version))
            return
        for entry in [one for one in self if one.born <= version]:
            if entry.born > seen:
                yield _part(self.list_id, "beforeend", entry.html)
            elif entry.changed > seen:
                yield _part(self.element_id(entry), "outerMorph", entry.html)

    async def _render_changed(self) -> None:
        async with self._rendering:
            for entry in [one for one in self if one.rendered < one.changed]:
                changed = entry.changed
                entry.html = await self._render(self, entry)
                entry.rendered = changed


def _is_settled(action: Action, pressed: Action) -> bool:
    if action.name != pressed.name:
        return False
    return action.name != "accept" or action.value == pressed.value


def _goes_on(stored: View | None, view: View) -> bool:
    if stored is None or stored.state == "waiting":
        return stored is not None and view.state == "waiting"
    return stored.state == "working"


def _part(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'
