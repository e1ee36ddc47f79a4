"""Serves the people of one folder."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.api import (
    ACTIONS_WITH_REPLY,
    BUSY,
    EDITED_PREFIX,
    Action,
    ActionCall,
    AdapterError,
    Answer,
    Asker,
    Author,
    BackgroundTasks,
    ConversationKey,
    Core,
    Inbox,
    Incoming,
    Message,
    MessageSink,
    RecentQuestion,
    Refusal,
    Refused,
    Reply,
    ReplyTiming,
    edited_action,
    edited_notice,
    say,
    translate,
)
from parlance_folder import FolderSettings
from parlance_folder.buttons import buttons_text, read_button, said_on
from parlance_folder.files import (
    Stat,
    add_page,
    answered,
    attachments,
    is_for_us,
    look,
    read,
    write,
    writers,
)
from parlance_folder.port import EDIT_INTERVAL_S, FolderPort

NAME = "folder"
INTERRUPTED = say("⚠️ This answer was interrupted by a restart.")
NO_BUTTON = say(
    "This button is from an earlier version and does nothing any more; please ask again."
)


class FolderAdapter:
    """Serves the people of one folder. It is the `InboxPort` of its `Inbox`, too."""

    name = NAME
    failures = (OSError,)

    def __init__(self, settings: FolderSettings) -> None:
        self.connected = False
        self._root = Path(settings.path)
        self._every_s = settings.every_s
        self._taken: dict[Path, Stat] = {}
        self._core: Core | None = None

    async def run(self, core: Core) -> None:
        """Serve until cancelled. Raises `AdapterError` if there can be no such folder."""
        try:
            await asyncio.to_thread(self._root.mkdir, parents=True, exist_ok=True)
        except OSError:
            raise AdapterError(f"folder.path: {self._root} can be no folder.") from None
        tasks = BackgroundTasks(NAME)
        inbox, self._core = Inbox(core, NAME, tasks, self), core
        self._taken = await asyncio.to_thread(answered, self._root)
        try:
            with core.connect(self):
                await self._mark_interrupted(core)
                self.connected = True
                await self._watch(core, inbox, tasks)
        finally:
            self.connected = False
            await tasks.close()

    async def _watch(self, core: Core, inbox: Inbox, tasks: BackgroundTasks) -> None:
        """Take what is new, once it stays as it is, and what was changed or deleted."""
        before: dict[Path, Stat] = {}
        while True:
            now = await asyncio.to_thread(look, self._root)
            for path, stat in now.items():
                known = self._taken.get(path)
                if stat == known or stat != before.get(path) or not is_for_us(path):
                    continue
                self._taken[path] = stat
                place = path.parent.name
                if path.suffix == ".press":
                    tasks.start(self._press(core, inbox, path), "press", place=place)
                elif known is None:
                    refusal = Refusal(place, partial(self._tell, core, path, BUSY))
                    inbox.receive(place, _id(path), partial(self._decode, core, path), refusal)
                else:
                    inbox.edited(place, _id(path), partial(asyncio.to_thread, read, path))
            for path in self._taken.keys() - now.keys():
                del self._taken[path]
                if path.suffix == ".txt":
                    inbox.deleted(path.parent.name, [_id(path)])
            before = now
            await asyncio.sleep(self._every_s)

    async def _decode(self, core: Core, path: Path) -> Incoming:
        stem, person = path.stem.rsplit(".", 1)
        key = _key(path.parent.name)

        async def question() -> tuple[Message, Answer]:
            text = await asyncio.to_thread(read, path)
            files = await asyncio.to_thread(attachments, path)
            event = Message(_id(path), key, _author(person), text, _is_direct(key), files)
            return event, self._reply(core, key, stem, person)

        return Incoming(key, question)

    def _reply(
        self, core: Core, key: ConversationKey, stem: str, person: str, *, lazy: bool = False
    ) -> MessageSink[str]:
        port = FolderPort(self._root, key.channel, stem, person)
        timing = ReplyTiming(edit_interval=EDIT_INTERVAL_S)
        return MessageSink(port, core.replies, key, timing, lazy=lazy)

    async def _tell(self, core: Core, path: Path, sentence: str) -> None:
        """Tell the person who has written a file something that is no part of an answer."""
        locale = await core.find_language(_key(path.parent.name))
        stem, person = path.stem.rsplit(".", 1)
        port = FolderPort(self._root, path.parent.name, stem, person)
        await port.ephemeral(translate(sentence, locale))

    # --- buttons --------------------------------------------------------------------------------

    async def _press(self, core: Core, inbox: Inbox, path: Path) -> None:
        """Press the button whose number is in a file, and delete the file."""
        page, person = path.stem.rsplit(".", 1)
        number = await asyncio.to_thread(read, path)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        shown = await asyncio.to_thread(read, path.with_name(f"{page}.md"))
        found = read_button(shown, number)
        reply = await core.replies.get(found[1]) if found is not None else None
        if found is None or reply is None or reply.platform != NAME:
            await self._tell(core, path, NO_BUTTON)
            return
        action, turn = found
        key = ConversationKey.parse(reply.conversation)
        call = ActionCall(
            uuid.uuid4().hex, key, _author(person), action.name, turn, action.value, _is_direct(key)
        )
        if action.value.startswith(EDITED_PREFIX):
            await self._answer_again(core, inbox, path, call)
            return
        lazy = action.name not in ACTIONS_WITH_REPLY
        sink = self._reply(core, key, page.rsplit(".", 1)[0], person, lazy=lazy)
        await core.accept(call, sink)

    async def _answer_again(self, core: Core, inbox: Inbox, path: Path, call: ActionCall) -> None:
        """Answer a question as it is now; its id is in the value of the button."""
        question = Path(call.value.removeprefix(EDITED_PREFIX))
        if len(question.parts) != 2 or not is_for_us(question):  # nobody was offered this
            await self._tell(core, path, NO_BUTTON)
            return
        async with inbox.turn_in(call.conversation):
            call = replace(call, value=await asyncio.to_thread(read, self._root / question))
            stem, person = question.stem.rsplit(".", 1)
            sink = self._reply(core, call.conversation, stem, call.author.id)
            if person == call.author.id:  # the core refuses everybody else
                inbox.answer_again(_id(question), call, sink)
                await asyncio.to_thread(path.with_name(f"{path.stem.rsplit('.', 1)[0]}.md").unlink)
            await core.accept(call, sink)

    async def offer(self, question: RecentQuestion, message: str, turn: str) -> None:
        """Offer to answer a question anew that was changed."""
        words, locale = edited_notice(question)
        text = f"{words}\n\n{buttons_text([edited_action(message, locale)], turn)}"
        folder, _, name = message.partition("/")
        stem = name.rsplit(".", 2)[0]
        await asyncio.to_thread(add_page, self._root / folder, stem, text)

    async def remove(self, reply: Reply) -> None:
        """Delete an answer that was cut off, as its question was deleted."""
        for page in filter(None, reply.address.get("messages", "").split(",")):
            await asyncio.to_thread((self._root / page).unlink, missing_ok=True)

    async def _mark_interrupted(self, core: Core) -> None:
        """Say below each answer that an earlier process left unfinished what has become of it."""
        for reply in await core.replies.unfinished(NAME):
            key = ConversationKey.parse(reply.conversation)
            locale = await core.find_language(key, answer=reply.turn)
            again = Action("regenerate", translate(say("Try again"), locale))
            mark = f"{translate(INTERRUPTED, locale)}\n\n{buttons_text([again], reply.turn)}"
            page = reply.address.get("messages", "").rpartition(",")[2]
            if page:
                said = said_on(await asyncio.to_thread(read, self._root / page))
                text = f"{said}\n\n{mark}".strip()
                await asyncio.to_thread(write, self._root / page, text.encode())
            else:
                await asyncio.to_thread(add_page, self._root / key.channel, "bot", mark)
            await core.replies.save(replace(reply, finished=True))

    # --- without an event -----------------------------------------------------------------------

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> MessageSink[str]:
        """Begin a reply that no event asked for; for one person it goes to their own folder."""
        if self._core is None:
            raise Refused("The folder is not looked at.")
        if audience is None:
            return self._reply(self._core, conversation, "bot", "")
        return self._reply(self._core, _key(f"@{audience.id}"), "bot", audience.id)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person in a folder in which they have written, or in their own."""
        there = await self.channels_of(person, [place.scope("channel")])
        author = _author(person.partition(":")[2])
        return Asker(author, place, direct=_is_direct(place)) if there else None

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """The folders in which a person has written, and their own."""
        name = person.partition(":")[2]
        there = await asyncio.to_thread(writers, self._root, name)
        shared = {_key(folder).scope("channel") for folder in there if not folder.startswith("@")}
        keys = {*shared, _key(f"@{name}").scope("channel"), _key("").scope("workspace")}
        return frozenset(keys.intersection(channels))

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """There are no roles here, so that a rule that names one holds for nobody."""
        return "People have no roles in a folder." if roles else None


def _is_direct(key: ConversationKey) -> bool:
    return key.channel.startswith("@")


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _key(folder: str) -> ConversationKey:
    return ConversationKey(NAME, "local", folder)


def _author(person: str) -> Author:
    return Author(NAME, person, person)
