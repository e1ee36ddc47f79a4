"""What one process writes down of an event is, in another one, the same event."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bot.adapters.discord.inbound.handed_events import (
    Handed,
    HandedCall,
    HandedDeletion,
    HandedFile,
    HandedMessage,
    decode,
    encode,
)
from bot.adapters.discord.outbound.reply_plan import (
    InteractionReply,
    InteractionToken,
    MessageReply,
    NewThread,
)
from bot.adapters.discord.transport.payloads import Download
from bot.events import (
    Attachment,
    CommandCall,
    ContextMessage,
    Message,
    MessageDeleted,
)
from bot.types import Author, ConversationKey

words = some.text(max_size=12)
numbers = some.integers(1, 2**63)
times = some.datetimes(datetime(2015, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC))
people = some.builds(
    Author, some.just("discord"), numbers.map(str), words, some.frozensets(numbers.map(str)),
    some.none() | words,
)  # fmt: skip
places = some.builds(
    ConversationKey, some.just("discord"), words, numbers.map(str), some.none() | numbers.map(str)
)


@some.composite
def files(draw: some.DrawFn) -> Attachment:
    name, size = draw(words), draw(numbers)
    return Attachment(name, size, draw(some.none() | words), Download(draw(words), name, size))


def said(**more: Any) -> some.SearchStrategy[ContextMessage]:
    return some.builds(
        ContextMessage, words, words, some.booleans(), numbers.map(str),
        some.lists(files(), max_size=2).map(tuple), by=words, **more,
    )  # fmt: skip


async def _thread(limit: int) -> Any:
    return ()


messages = some.builds(
    Message, numbers.map(str), places, people, words, some.booleans(),
    some.lists(files(), max_size=2).map(tuple), some.lists(said(), max_size=2).map(tuple), times,
)  # fmt: skip
options = some.dictionaries(
    words, words | some.integers(-(2**53), 2**53) | some.booleans() | some.floats(-1e9, 1e9)
)
calls = some.builds(
    CommandCall, numbers.map(str), places, people, words, options, direct=some.booleans(),
    attachments=some.lists(files(), max_size=2).map(tuple),
    target=some.none() | said(replies=some.sampled_from([None, _thread])), at=times,
)  # fmt: skip
message_replies = some.builds(
    MessageReply, numbers, numbers, some.none() | numbers,
    some.none() | some.builds(NewThread, words, numbers), some.booleans(),
)  # fmt: skip
interaction_replies = some.builds(
    InteractionReply, numbers, some.none() | numbers,
    some.none() | some.builds(InteractionToken, numbers, words, times),
    some.none() | numbers, some.booleans(),
)  # fmt: skip


def carried(handed: Handed) -> Handed:
    """The event as it is in another process."""
    return decode(json.loads(json.dumps(encode(handed))))


def values_of(options: Any) -> list[tuple[str, type, Any]]:
    """A number and whether it is true are equal in Python, and not the same."""
    return [(name, type(value), value) for name, value in options.items()]


@settings(max_examples=40)
@given(messages, message_replies, some.booleans())
def test_a_message(event: Message, reply: MessageReply, reads: bool) -> None:
    handed = carried(HandedMessage.of(event, reply, reads=reads))
    assert isinstance(handed, HandedMessage)
    again = handed.event(_thread)
    assert (again, handed.reply, handed.reads) == (event, reply, reads)
    assert [a.read for a in again.attachments] == [a.read for a in event.attachments]
    assert again.earlier is _thread


@settings(max_examples=40)
@given(calls, interaction_replies, some.booleans())
def test_a_command(event: CommandCall, reply: InteractionReply, reads: bool) -> None:
    handed = carried(HandedCall.of(event, reply, reads=reads))
    assert isinstance(handed, HandedCall)
    target = None if handed.target is None else handed.target.context_message()
    again = handed.event(target, None)
    assert (again, handed.reply, handed.reads) == (event, reply, reads)
    assert values_of(again.options) == values_of(event.options)
    assert [a.read for a in again.attachments] == [a.read for a in event.attachments]
    if handed.target is not None and event.target is not None:
        assert handed.target.has_thread == (event.target.replies is not None)


@settings(max_examples=40)
@given(some.builds(MessageDeleted, words, places, people, numbers.map(str), times))
def test_a_deletion(event: MessageDeleted) -> None:
    handed = carried(HandedDeletion.of(event))
    assert isinstance(handed, HandedDeletion)
    assert handed.event() == event


LEFT = {"occasion", "model", "accepts"}
"""What only the core says of an event."""
LEFT_OF: dict[type, set[str]] = {CommandCall: {"text", "context"}}
"""What platforms say that write commands as text."""


@pytest.mark.parametrize(
    ("kind", "handed", "renamed"),
    [
        (Message, HandedMessage, {"attachments": "files", "earlier": "reads"}),
        (CommandCall, HandedCall, {"attachments": "files", "earlier": "reads"}),
        (MessageDeleted, HandedDeletion, {"of": "of_message"}),
    ],
)
def test_nothing_that_an_event_says_was_forgotten(
    kind: type, handed: type, renamed: dict[str, str]
) -> None:
    left = LEFT | LEFT_OF.get(kind, set())
    names = {renamed.get(one.name, one.name) for one in fields(kind) if one.name not in left}
    assert names == {one.name for one in fields(handed)} - {"kind", "reply"}


def test_a_file_that_is_not_discords_is_not_given() -> None:
    async def read(limit: int) -> bytes:
        return b""

    with pytest.raises(TypeError):
        HandedFile.of(Attachment("plan.txt", 1, None, read))


def test_no_token_and_no_text_stands_in_what_is_logged() -> None:
    place, ada = ConversationKey("discord", "1", "2"), Author("discord", "1", "ada")
    token = InteractionToken(1, "top secret", datetime.now(UTC))
    reply = InteractionReply(2, 1, token)
    call = CommandCall("1", place, ada, "ask", {"what": "top secret"})
    message = Message("1", place, ada, "top secret")
    question = MessageReply(2, 1, 1, NewThread("top secret", 60))
    file = Attachment("a", 1, None, Download("https://cdn/?top secret", "a", 1))
    for shown in (
        HandedCall.of(call, reply, reads=True),
        HandedMessage.of(replace(message, attachments=(file,)), question, reads=True),
        file.read,
    ):
        assert "top secret" not in repr(shown)
