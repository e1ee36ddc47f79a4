"""Shows everybody a reply that was for one person alone, when that person presses Share.

The process that gave the reply keeps it. Where the press comes to another one, that checks what the
person may do now, and has it posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.events import ActionCall
from bot.processes.peers import Peers
from bot.replies.protocol import Sink
from bot.turns.heading import shared_heading
from bot.turns.middleware import require
from bot.turns.platforms import Platforms
from bot.turns.private_replies import ANOTHER_PLACE, NO_LONGER_KEPT, PrivateReply
from bot.turns.runner import TurnDependencies
from bot.types import Author, ConversationKey

_FIND: Final = "private_reply_find"
_SHARE: Final = "private_reply_share"


class Sharing:
    """Takes the presses of Share, also for the other processes (`peers`); None where this one is
    alone."""

    def __init__(
        self, dependencies: TurnDependencies, platforms: Platforms, peers: Peers | None
    ) -> None:
        self._dependencies = dependencies
        self._replies = dependencies.open_turns.private_replies
        self._platforms = platforms
        self._peers = peers
        if peers is not None:
            peers.answer(_FIND, self._find_for)
            peers.answer(_SHARE, self._share_for)

    async def share(self, call: ActionCall, asker: Asker, sink: Sink) -> None:
        """Post the reply once more, with the name of who shared it.

        Raises `NotFound` for a reply that is no longer kept, and `Denied` for a person who may no
        longer do what it answers.
        """
        await require(self._dependencies.authorize, asker, ("button:share",))
        if call.turn not in self._replies and self._peers is not None:
            await self._share_elsewhere(self._peers, call, asker, sink)
            return
        shared = self._replies.find(call.turn, asker)
        await require(self._dependencies.authorize, asker, shared.actions)
        self._replies.forget(call.turn)
        await self._post(shared, sink, call.author, call.direct)

    async def _post(self, shared: PrivateReply, sink: Sink, by: Author, direct: bool) -> None:
        made = self._dependencies
        locale = await made.find_language(shared.place, by.locale)
        reply = made.begin_reply(sink, direct=direct, heading=shared_heading(by), locale=locale)
        for part in shared.parts():
            reply.add(part)
        await reply.finish("complete")

    # --- over processes -------------------------------------------------------------------------

    async def _share_elsewhere(
        self, peers: Peers, call: ActionCall, asker: Asker, sink: Sink
    ) -> None:
        asked = {
            "turn": call.turn,
            "place": str(call.conversation),
            "author": [call.author.platform, call.author.id, call.author.name],
            "locale": call.author.locale,
            "direct": call.direct,
        }
        found = next(iter(await peers.ask(_FIND, asked)), None)
        if found is None:
            raise NotFound(NO_LONGER_KEPT)
        if not found["here"]:
            raise NotFound(ANOTHER_PLACE)
        await require(self._dependencies.authorize, asker, found["actions"])
        if not await peers.ask(_SHARE, asked):
            raise NotFound(NO_LONGER_KEPT)
        await self._dependencies.begin_reply(sink, direct=call.direct).withdraw()

    async def _find_for(self, asked: Mapping[str, Any]) -> Any:
        if asked["turn"] not in self._replies:
            return None
        try:
            shared = self._replies.find(asked["turn"], _asker_of(asked))
        except NotFound as refusal:
            return {"here": False} if str(refusal) == ANOTHER_PLACE else None
        return {"here": True, "actions": shared.actions}

    async def _share_for(self, asked: Mapping[str, Any]) -> bool | None:
        if asked["turn"] not in self._replies:
            return None
        asker = _asker_of(asked)
        shared = self._replies.find(asked["turn"], asker)
        self._replies.forget(asked["turn"])  # before anything is awaited: it is posted once
        sink = await self._platforms.open_reply(asker.conversation, None, turn="")
        await self._post(shared, sink, asker.author, asker.direct)
        return True


def _asker_of(asked: Mapping[str, Any]) -> Asker:
    platform, ident, name = asked["author"]
    author = Author(platform, ident, name, locale=asked["locale"])
    return Asker(author, ConversationKey.parse(asked["place"]), asked["direct"])
