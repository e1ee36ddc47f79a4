"""What a homeserver tells, as a Synapse wrote it (`recorded_events.json`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.matrix.events import (
    Edited,
    Reacted,
    Redacted,
    Said,
    called_command,
    newest_content,
    read_event,
    read_said,
    without_name,
)

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded_events.json").read_text("utf-8")
)
BOT, ADA, EVE = "@parlance:example.org", "@ada:example.org", "@eve:example.org"
NAMES = frozenset({"Parlance", "parlance", BOT})


def said(name: str) -> Said:
    found = read_event(RECORDED[name])
    assert isinstance(found, Said)
    return found


class TestMessages:
    def test_a_mention_names_the_bot(self) -> None:
        found = said("mention")
        assert (found.id, found.sender, found.mentions) == ("$mention", ADA, frozenset({BOT}))
        assert found.at == datetime.fromtimestamp(1796034328.406, UTC)
        assert without_name(found.text, NAMES) == "hello there"

    def test_an_older_client_mentions_by_a_link(self) -> None:
        assert said("older mention").mentions == {BOT}

    def test_what_is_quoted_above_a_reply_is_no_part_of_it(self) -> None:
        found = said("reply")
        assert found.text == "what does she say?"
        assert (found.reply_to, found.thread) == ("$older-mention", None)

    def test_a_picture_has_a_name_and_maybe_a_caption(self) -> None:
        found = said("picture")
        assert found.text == "what is this?"
        assert found.file is not None
        assert (found.file.name, found.file.size) == ("lamp.png", 1234)
        assert (found.file.mxc, found.file.content_type) == ("mxc://example.org/abc", "image/png")
        assert not found.file.key

    def test_an_encrypted_file_brings_its_key_and_no_text(self) -> None:
        found = said("encrypted file")
        assert found.text == ""
        assert found.file is not None
        assert found.file.mxc == "mxc://example.org/def"
        assert found.file.key["key"] == {"k": "key"}

    @pytest.mark.parametrize("name", ["notice", "answer", "redacted", "m.room.create 12"])
    def test_what_no_person_says_is_nothing(self, name: str) -> None:
        assert read_event(RECORDED[name]) is None

    def test_a_message_in_a_thread_answers_none(self) -> None:
        relation = RECORDED["answer"]["content"]["m.relates_to"]
        content = {"msgtype": "m.text", "body": "and then?", "m.relates_to": relation}
        found = read_said({**RECORDED["mention"], "content": content}, content)
        assert found is not None
        assert (found.thread, found.reply_to) == ("$mention", None)


class TestChanges:
    def test_an_edit_says_of_which_message(self) -> None:
        assert read_event(RECORDED["edit"]) == Edited("$edit", ADA, "$mention")

    def test_the_newest_content_is_what_its_author_made_of_it(self) -> None:
        # Eve has sent an edit of Ada's message, too.
        event = RECORDED["mention with its edit"]
        assert newest_content(event)["body"] == "Parlance: hello again"
        assert newest_content(RECORDED["mention"])["body"] == "Parlance: hello there"

    def test_a_reaction_says_to_what(self) -> None:
        found = read_event(RECORDED["reaction"])
        assert isinstance(found, Reacted)
        assert (found.sender, found.target, found.emoji) == (EVE, "$answer", "👍🏽")

    def test_a_redaction_says_of_what(self) -> None:
        assert read_event(RECORDED["redaction"]) == Redacted(ADA, "$redacted")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Parlance: hello", "hello"),
        ("@parlance, hello", "hello"),
        ("@parlance:example.org hello", "hello"),
        ("hello @Parlance", "hello"),
        ("parlancer hello", "parlancer hello"),
        ("Parlance", ""),
        ("say parlance twice", "say parlance twice"),
    ],
)
def test_the_name_of_the_bot_is_no_part_of_the_question(text: str, left: str) -> None:
    assert without_name(text, NAMES) == left


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("!ask how so?", "ask"),
        ("!Help", "help"),
        ("!", ""),
        ("!!", ""),
        ("ask !now", ""),
        ("!a.b", ""),
    ],
)
def test_a_command_begins_with_an_exclamation_mark(text: str, name: str) -> None:
    assert called_command(text, "!") == name


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
_FIELDS = ("body", "msgtype", "m.relates_to", "m.mentions", "info", "file", "url", "redacts")


@given(
    st.sampled_from(["m.room.message", "m.reaction", "m.room.redaction", "m.room.encrypted"]),
    st.dictionaries(st.sampled_from(_FIELDS), _ANYTHING) | _ANYTHING,
    st.sampled_from(["m.text", "m.image", 5]),
    _ANYTHING,
)
def test_what_is_not_well_formed_is_read_without_an_error(
    kind: str, content: Any, msgtype: Any, stamp: Any
) -> None:
    if isinstance(content, dict):
        content["msgtype"] = msgtype
    read_event({"type": kind, "content": content, "origin_server_ts": stamp, "event_id": "$e"})
