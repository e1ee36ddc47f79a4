"""Shows everybody a reply that was for one person alone, when that person presses Share."""

from __future__ import annotations

from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.events import ActionCall
from bot.replies.protocol import Sink
from bot.turns.heading import shared_heading
from bot.turns.middleware import require
from bot.turns.private_replies import ANOTHER_ANSWERED
from bot.turns.runner import TurnDependencies


async def share(call: ActionCall, asker: Asker, dependencies: TurnDependencies, sink: Sink) -> None:
    """Post the reply once more, with the name of who shared it.

    Raises `NotFound` for a reply that is no longer kept, or by another process, and `Denied` for a
    person who may no longer do what it answers.
    """
    await require(dependencies.authorize, asker, ("button:share",))
    replies = dependencies.open_turns.private_replies
    if call.turn not in replies and await dependencies.open_turns.elsewhere.keeps(call.turn):
        raise NotFound(ANOTHER_ANSWERED)
    shared = replies.find(call.turn, asker)
    await require(dependencies.authorize, asker, shared.actions)
    replies.forget(call.turn)
    heading = shared_heading(call.author)
    locale = await dependencies.find_language(call.conversation, call.author.locale)
    reply = dependencies.begin_reply(sink, direct=call.direct, heading=heading, locale=locale)
    for part in shared.parts():
        reply.add(part)
    await reply.finish("complete")
