"""Reactions as buttons: what they mean stands in the message itself."""

from __future__ import annotations

import pytest

from bot.api import Action, ConversationKey
from plugins.matrix.buttons import FIELD, buttons_of, legend, read_pressed, written_buttons
from plugins.matrix.events import plain_emoji

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
    assert emojis[:3] == ["1⃣", "2⃣", "📄"]
    assert len(set(emojis)) == 4


def test_each_button_is_an_emoji_as_it_comes_back() -> None:
    names = ["stop", "regenerate", "continue", "resume", "answer", "good", "bad", "why"]
    names += ["source", "wrong", "outdated", "share", "accept"]
    actions = [Action(name, name) for name in names]  # type: ignore[arg-type]
    actions += [Action("resume", "x", value) for value in ("approve", "grant", "refuse")]
    actions += [Action("answer", "x", value) for value in ("decline-1", "cancel-1")]
    for button in buttons_of(actions):
        assert plain_emoji(button.emoji) == button.emoji


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
