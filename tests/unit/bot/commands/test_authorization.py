"""Who may do what: rules that were set, the commands' own checks, and what always holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.commands.authorization import PHRASES, Authorizer, Subject, check_action
from bot.commands.checks import Asker, has_role
from bot.commands.declaration import Command, command
from bot.config import Config
from bot.knowledge.access import DocumentAccess
from bot.types import Author, ConversationKey, Text

CHANNEL = ConversationKey("test", "work", "general")
OTHER = ConversationKey("test", "work", "other")
THREAD = replace(CHANNEL, thread="7")
ADA = Asker(Author("test", "ada", "Ada"), CHANNEL)
MOD = Asker(Author("test", "mod", "Mod", frozenset({"mods"})), CHANNEL)
ROOT = Asker(Author("test", "root", "Root"), CHANNEL, admin=True)
WHO = {"ada": ADA, "mod": MOD, "root": ROOT}
EVERYBODY = ["ada", "mod", "root"]


@command("close", checks=has_role("mods"))
async def close(ctx: Any) -> Any:
    """Close it."""
    yield Text("closed")


def ruled(rules: Mapping[str, bool], *commands: Command) -> Authorizer:
    async def found(action: str, asker: Asker) -> bool | None:
        return rules.get(action)

    bases = {"all": {"default": True}, "board": {"channels": [str(OTHER)]}}
    config = Config.model_validate({"knowledge": {"bases": bases}})
    documents = DocumentAccess(config.knowledge.bases)
    about_documents = dict.fromkeys(("docs.read", "docs.add", "docs.remove"), documents)
    return Authorizer(commands, found, about_documents)


async def may(
    authorize: Authorizer,
    action: str,
    place: ConversationKey = CHANNEL,
    subject: Subject | None = None,
) -> list[str]:
    """Who of the three may do it."""
    decisions = {n: await authorize(who, action, place, subject) for n, who in WHO.items()}
    return [name for name, decision in decisions.items() if decision.allowed]


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("ask", EVERYBODY),
        ("message", EVERYBODY),
        ("close", ["mod"]),
        ("polls.close", EVERYBODY),
        ("tool:fetch", EVERYBODY),
        ("model.use:conversation", EVERYBODY),
        ("model.use:channel", ["root"]),
        ("model.use:workspace", ["root"]),
        ("model.use:default", ["root"]),
        ("model.use", ["root"]),
        ("settings.change:channel", ["root"]),
        ("docs.add", ["root"]),
        ("docs.add:all", ["root"]),
        ("docs.remove:all", ["root"]),
        ("docs.feedback", ["root"]),
        ("docs.read:all", EVERYBODY),
        ("docs.read:board", ["root"]),
        ("docs.add:@test:ada", []),
        ("docs.read:@test:ada", []),
        ("button:stop", EVERYBODY),
    ],
)
async def test_where_nothing_is_set(action: str, allowed: list[str]) -> None:
    assert await may(ruled({}, close), action) == allowed


@pytest.mark.parametrize(
    ("rules", "action", "allowed"),
    [
        ({"ask": False}, "ask", []),
        ({"close": True}, "close", ["mod"]),
        ({"docs.add": True}, "docs.add:all", EVERYBODY),
        ({"docs.add": True}, "docs.add:@test:ada", []),
        ({"docs.read": False}, "docs.read:all", []),
        ({"docs.read": False, "docs.read:all": True}, "docs.read:all", EVERYBODY),
        ({"docs.read": True}, "docs.read:board", ["root"]),
        ({"docs": False}, "docs.read:all", EVERYBODY),
        ({"button": False, "button:good": True}, "button:good", EVERYBODY),
        ({"button": False, "button:good": True}, "button:bad", []),
        ({"model.use:channel": True}, "model.use:channel", EVERYBODY),
        ({"model.use:channel": True}, "model.use:workspace", ["root"]),
    ],
)
async def test_where_a_rule_is_set(
    rules: Mapping[str, bool], action: str, allowed: list[str]
) -> None:
    assert await may(ruled(rules, close), action) == allowed


class TestDocuments:
    async def test_a_base_is_read_where_it_answers(self) -> None:
        assert await may(ruled({}), "docs.read:board", OTHER) == EVERYBODY
        assert await may(ruled({}), "docs.read:all", OTHER) == ["root"]

    async def test_an_own_base_is_for_direct_messages(self) -> None:
        at_home = replace(ADA, direct=True)
        for action in ("docs.read", "docs.add", "docs.remove"):
            assert (await ruled({})(at_home, f"{action}:@test:ada", CHANNEL)).allowed
            assert not (await ruled({})(at_home, f"{action}:@test:ada", OTHER)).allowed
            said = await ruled({})(replace(ROOT, direct=True), f"{action}:@test:ada", CHANNEL)
            assert "theirs alone" in said.reason


class TestButtons:
    OWN = Subject("test:ada", CHANNEL)

    @pytest.mark.parametrize(
        ("button", "allowed"),
        [("stop", ["ada", "root"]), ("regenerate", ["ada", "root"]), ("why", EVERYBODY)],
    )
    async def test_some_are_for_whoever_asked(self, button: str, allowed: list[str]) -> None:
        action = f"button:{button}"
        assert await may(ruled({}), action, CHANNEL, self.OWN) == allowed
        assert await may(ruled({action: True}), action, CHANNEL, self.OWN) == allowed
        assert await may(ruled({}), action, THREAD, self.OWN) == allowed

    async def test_elsewhere_an_answer_is_not_known(self) -> None:
        assert await may(ruled({}), "button:why", OTHER, self.OWN) == []
        decision = await ruled({})(ROOT, "button:regenerate", OTHER, self.OWN)
        assert "no longer known here" in decision.reason

    async def test_what_was_sent_to_a_person_is_known_to_them(self) -> None:
        home = replace(ADA, conversation=OTHER, direct=True)
        assert (await ruled({})(home, "button:why", OTHER, self.OWN)).allowed
        other = replace(MOD, conversation=OTHER, direct=True)
        assert not (await ruled({})(other, "button:why", OTHER, self.OWN)).allowed


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("ask", "You may not use /ask here."),
        ("message", "You may not write to me here."),
        ("docs.read:all", "You may not read these documents here."),
        ("button:why", "You may not use this button here."),
        ("polls.close", "You may not do this here."),
    ],
)
async def test_a_refusal_is_one_friendly_sentence(action: str, words: str) -> None:
    assert (await ruled({action: False})(ADA, action, CHANNEL)).reason == words


async def test_what_only_admins_can_do_is_said_so() -> None:
    assert (await ruled({})(ADA, "docs.add", CHANNEL)).reason == "Only admins can do this."


class TestNames:
    @pytest.mark.parametrize(
        "action",
        [
            *("ask", "rap-battle", "message", "docs.read", "docs.read:hand book"),
            *("docs.read:@test:ann", "button:stop", "settings.change:workspace"),
            *("model.use:channel", "tool:fetch", "polls.close", "polls.close:7", *PHRASES),
        ],
    )
    def test_of_actions(self, action: str) -> None:
        assert check_action(action) == action

    @pytest.mark.parametrize(
        "action",
        [
            *("", " ", "Ask", "ask now", "/ask", "ask:", "ask:this", "docs.raed", "docs.read:"),
            *("button:stpo", "model.use:everywhere", "settings.chnage", "a.b.c", "docs.read: x"),
            "x" * 300,
        ],
    )
    def test_that_are_none(self, action: str) -> None:
        with pytest.raises(ValueError, match=r"must be|there is no|nothing may"):
            check_action(action)

    def test_in_config_yaml_a_typo_is_named(self) -> None:
        for name in ("docs.raed", "button:stpo"):
            with pytest.raises(ValueError, match=r"there is no such action|must be one of"):
                Config.model_validate({"commands": {name: {}}})
