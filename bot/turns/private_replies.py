"""Replies that were shown to one person alone, for a while, so that this person can share them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from backends.lru import LruDict
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.replies.draft import MAX_SHAREABLE_CHARACTERS, Draft
from bot.turns.turn import Turn
from bot.types import ConversationKey, Part, Sources, Text

MAX_REPLIES = 200
NO_LONGER_KEPT = say(
    "This was shared already, or I no longer have it: I keep it for a "
    "while, until I am restarted. Please call the command again."
)
ANOTHER_PLACE = say("This can only be shared where you asked for it.")


@dataclass(frozen=True, slots=True)
class PrivateReply:
    """A reply for its asker (`Author.key`) alone; `actions` are what they were allowed to do."""

    asker: str
    place: ConversationKey
    actions: tuple[str, ...]
    draft: Draft = field(repr=False)

    def parts(self) -> Iterator[Part]:
        """What it shows, to be shown again."""
        view = self.draft.view()
        yield Text(view.text)
        if view.sources:
            yield Sources(view.sources)
        yield from view.files
        yield from (replace(notice, private=False) for notice in view.notices)


class PrivateReplies:
    """The latest private replies, in memory: most are lists and help, which are not stored."""

    def __init__(self) -> None:
        self._replies: LruDict[str, PrivateReply] = LruDict(MAX_REPLIES)

    def remember(self, turn: Turn, draft: Draft) -> None:
        """Remember the reply of a turn, if it is a private one that can be shared."""
        route = turn.route
        if route is None or not route.private or turn.asker.direct:
            return
        if draft.characters <= MAX_SHAREABLE_CHARACTERS:
            self._replies[turn.id] = PrivateReply(
                turn.asker.author.key, turn.event.conversation, route.actions, draft
            )

    def find(self, turn: str, asker: Asker) -> PrivateReply:
        """Return the reply of a turn, for the person who was shown it. Raises `NotFound`."""
        reply = self._replies.get(turn)
        if reply is None or reply.asker != asker.author.key:
            raise NotFound(NO_LONGER_KEPT)
        if reply.place.scope("channel") != asker.conversation.scope("channel"):
            raise NotFound(ANOTHER_PLACE)
        return reply

    def __contains__(self, turn: object) -> bool:
        return isinstance(turn, str) and self._replies.get(turn) is not None

    def forget(self, turn: str) -> None:
        """Forget a reply, since it is shared."""
        self._replies.pop(turn)

    def forget_person(self, person: str) -> None:
        """Forget what was told to a person (`Author.key`)."""
        for turn, reply in [*self._replies.items()]:
            if reply.asker == person:
                self._replies.pop(turn)
