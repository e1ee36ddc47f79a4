"""Reactions as buttons: what they mean stands in the message itself."""

from __future__ import annotations

from typing import get_args

import pytest

from bot.api import Action, ActionName, ConversationKey
from plugins.matrix.buttons import FIELD, buttons_of, legend, read_pressed, written_buttons

PLACE = ConversationKey("matrix", "example.org", "!room", "$q")
AGAIN = (Action("regenerate", "Regenerate"), Action("good", "👍"), Action("bad", "👎"))


def test_what_a_message_carries_is_what_a_reaction_means() -> None:
    buttons = buttons_of((*AGAIN, Action("resume", "Approve", "approve")))
    content = {FIELD: written_buttons(buttons, "turn-1", PLACE)}
    found = read_pressed(content, "✅")
    assert found is not None
    assert (found.action, found.value) == ("resume", "approve")
    assert (found.turn, found.place) == ("turn-1", PLACE)
    assert read_pressed(content, "❎") is None


def test_sources_are_numbers_and_no_two_buttons_are_the_same() -> None:
    actions = [Action("source", f"[{n}]", f"{n}.turn") for n in (1, 2, 12, 13)]
    emojis = [button.emoji for button in buttons_of(actions)]
    assert emojis[:3] == ["1\ufe0f\u20e3", "2\ufe0f\u20e3", "📄"]
    assert len(set(emojis)) == 4


@pytest.mark.parametrize("emoji", ["1\ufe0f\u20e3", "1\u20e3", "👍🏽", "👍\ufe0e"])
def test_variations_of_an_emoji_are_the_same(emoji: str) -> None:
    actions = [Action("source", "[1]", "1.turn"), *AGAIN]
    content = {FIELD: written_buttons(buttons_of(actions), "turn-1", PLACE)}
    assert read_pressed(content, emoji) is not None


def test_choices_that_a_command_offers_have_an_emoji_each() -> None:
    actions = [Action("press", f"Choice {n}", str(n)) for n in range(5)]
    buttons = buttons_of(actions)
    assert legend(buttons).startswith("🔵 Choice 0 · 🟢 Choice 1 · ")
    assert len({button.emoji for button in buttons}) == 5


def test_each_button_can_be_pressed() -> None:
    actions = [Action(name, name) for name in get_args(ActionName)]
    actions += [Action("resume", "x", value) for value in ("approve", "grant", "refuse")]
    actions += [Action("answer", "x", value) for value in ("decline-1", "cancel-1")]
    buttons = buttons_of(actions)
    assert len(buttons) == len(actions)
    content = {FIELD: written_buttons(buttons, "turn-1", PLACE)}
    for button in buttons:
        found = read_pressed(content, button.emoji)
        assert found is not None
        assert (found.action, found.value) == (button.action.name, button.action.value)


def test_the_legend_names_what_an_emoji_does_not_say_itself() -> None:
    assert legend(buttons_of(AGAIN)) == "🔁 Regenerate · 👍 · 👎"
    assert legend(()) == ""


@pytest.mark.parametrize(
    "own",
    [
        None,
        [],
        {"buttons": []},
        {"buttons": {"🔁": ["regenerate"]}},
        {"buttons": {"🔁": ["rule the world", ""]}, "place": str(PLACE), "turn": "t"},
        {"buttons": {"🔁": ["regenerate", ""]}, "place": "nowhere", "turn": "t"},
    ],
)
def test_what_is_no_button_of_ours_is_nothing(own: object) -> None:
    assert read_pressed({FIELD: own}, "🔁") is None
