"""The key of a conversation is written in columns, lanes and caches, so it must be exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.events import Message
from bot.types import SCOPES, Author, ConversationKey

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.builds(ConversationKey, names, names, names, st.none() | names, st.none() | names)


@given(keys)
def test_a_key_comes_back_from_its_text(key: ConversationKey) -> None:
    assert ConversationKey.parse(str(key)) == key


@given(keys, keys)
def test_different_keys_have_different_texts(one: ConversationKey, other: ConversationKey) -> None:
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize("text", ["", "a:b", "a:b:c:x=1", "a:b:c:t"])
def test_what_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ConversationKey.parse(text)


def test_the_usual_keys_are_readable() -> None:
    assert str(ConversationKey("discord", "@dm", "42")) == "discord:@dm:42"
    assert str(ConversationKey("slack", "T1", "C1", "1700.5")) == "slack:T1:C1:t=1700.5"


def test_scopes_widen_from_the_conversation() -> None:
    key = ConversationKey("slack", "T1", "C1", "1700.5")
    assert [key.scope(width) for width in SCOPES] == [
        "slack:T1:C1:t=1700.5",
        "slack:T1:C1",
        "slack:T1",
        "",
    ]
    assert key.scopes("slack:U1") == (
        ("conversation", "slack:T1:C1:t=1700.5"),
        ("person", "slack:T1:C1:u=U1"),
        ("channel", "slack:T1:C1"),
        ("workspace", "slack:T1"),
        ("default", ""),
    )
    assert ("person", "slack:T1:C1:u=U1") not in key.scopes()


def test_outside_of_threads_a_conversation_is_one_persons() -> None:
    key = ConversationKey("slack", "T1", "C1")
    assert key.scope("conversation", "slack:U1") == key.scope("person", "slack:U1")
    assert key.scope("conversation") == key.scope("channel") == "slack:T1:C1"
    assert [width for width, _ in key.scopes()] == ["channel", "workspace", "default"]
    for nobody in (None, "", "slack", "slack:"):
        with pytest.raises(ValueError, match="needs the person"):
            key.scope("person", nobody)


def test_what_people_say_is_not_in_a_repr() -> None:
    author = Author("slack", "U1", "Ada")
    message = Message("e1", ConversationKey("slack", "T1", "C1"), author, "between us")
    assert "between us" not in repr(message)
    assert author.key == "slack:U1"
