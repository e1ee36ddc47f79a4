"""Who may use a command, as an admin writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.access import Access, parse_access
from bot.errors import UsageError
from bot.testing import Parlance
from bot.types import Author, ConversationKey

GENERAL = ConversationKey("test", "workspace", "general")
ROOT = Author("test", "root", "Root", frozenset({"admin"}))
ADA = Author("discord", "1", "Ada", frozenset({"77"}))
EVE = Author("discord", "2", "Eve")


@pytest.mark.parametrize(
    ("text", "ada", "eve", "admin"),
    [
        ("everyone", True, True, True),
        ("@everyone", True, True, True),
        ("Admins", False, False, True),
        ("nobody", False, False, False),
        ("<@&77>", True, False, True),
        ("role:77, role:78", True, False, True),
        ("<@2>", False, True, True),
        ("<@!2> admins", False, True, True),
        ("<@2|eve> <!subteam^77|@staff>", True, True, True),
        ("user:9", False, False, True),
    ],
)
def test_what_an_admin_can_write(text: str, ada: bool, eve: bool, admin: bool) -> None:
    access = parse_access(text)
    assert access.allows(ADA, admin=False) is ada
    assert access.allows(EVE, admin=False) is eve
    assert access.allows(EVE, admin=True) is (admin or eve)
    assert parse_access(str(access)) == access


@pytest.mark.parametrize("text", ["", " ", "everyone admins", "staff", "role:", "<#5>", "@here"])
def test_what_is_neither_a_role_nor_a_person_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="role:ID"):
        parse_access(text)


def test_the_ids_of_a_platform_may_be_addresses() -> None:
    access = parse_access("role:!room:example.org/50 user:@ada:example.org")
    assert access.roles == {"!room:example.org/50"}
    assert access.allows(Author("matrix", "@ada:example.org", "Ada"), admin=False)
    assert parse_access(str(access)) == access


@given(st.sets(st.integers(0, 10**20), max_size=9), st.sets(st.integers(0, 10**20), max_size=9))
def test_it_is_read_as_it_is_written(roles: set[int], users: set[int]) -> None:
    access = Access("admins", frozenset(map(str, roles)), frozenset(map(str, users)))
    assert parse_access(str(access)) == access


class TestInChat:
    async def test_an_admin_says_who_may_use_a_command(self, parlance: Parlance) -> None:
        await parlance.say("/settings set command.rap user:bob", admin=True)
        assert "may not use /rap" in (await parlance.say("/rap A vs B", user="ann")).text
        for user, admin in (("bob", False), ("root", True)):
            answer = await parlance.say("/rap A vs B", user=user, admin=admin)
            assert answer.state == "complete"
        elsewhere = await parlance.say("/rap A vs B", user="ann", channel="elsewhere")
        assert elsewhere.state == "complete"
        shown = await parlance.say("/settings show", admin=True)
        assert "**command.rap**: user:bob (chosen for this channel)" in shown.text
        await parlance.say("/settings clear command.rap", admin=True)
        assert (await parlance.say("/rap A vs B", user="ann")).state == "complete"

    async def test_what_needs_an_admin_needs_one_still(self, parlance: Parlance) -> None:
        await parlance.say("/settings set command.settings everyone", admin=True)
        said = await parlance.say("/settings set command.settings everyone")
        assert "admin" in said.text
        assert "command.settings" not in (await parlance.say("/settings show")).text

    async def test_nobody_can_lock_everybody_out(self, parlance: Parlance) -> None:
        said = await parlance.say("/settings set command.settings nobody", admin=True)
        assert "nobody could change it back" in said.text
        assert (await parlance.say("/settings show", admin=True)).state == "complete"

    async def test_the_right_to_change_settings_stays_with_somebody(
        self, parlance: Parlance
    ) -> None:
        for name in ("command.settings.change", "command.settings.change:channel"):
            said = await parlance.say(f"/settings set {name} nobody", admin=True)
            assert "nobody could change it back" in said.text

    async def test_an_admin_says_who_may_do_something_else(self, parlance: Parlance) -> None:
        await parlance.say("/settings set command.message user:bob", admin=True)
        assert (await parlance.say("hello", user="bob")).state == "complete"
        refused = await parlance.say("hello", user="ann")
        assert refused.text == "You may not write to me here."
        shown = await parlance.say("/settings show", admin=True)
        assert (
            "**command.message**: user:bob (chosen for this channel). Who may write" in shown.text
        )
        for name in ("button:regenerate", "docs.read:default", "model.use:workspace"):
            answer = await parlance.say(f"/settings set command.{name} admins", admin=True)
            assert answer.state == "complete", answer.text

    async def test_the_model_is_a_setting_like_the_others(self, parlance: Parlance) -> None:
        said = await parlance.say("/settings set model default", admin=True)
        assert said.state == "complete", said.text
        assert "**model**: default" in (await parlance.say("/settings show", admin=True)).text
        names = await parlance.core.complete("settings", "name", "mod", ROOT, GENERAL)
        assert names == ["model"]

    async def test_a_command_that_is_not_there_is_not_a_setting(self, parlance: Parlance) -> None:
        said = await parlance.say("/settings set command.rab admins", admin=True)
        assert "Did you mean command.rap?" in said.text
