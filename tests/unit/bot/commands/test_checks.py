"""Who may do what."""

from __future__ import annotations

import pytest

from bot.commands.checks import Asker, Check, anyone, has_role, in_direct_message, is_admin, is_user
from bot.types import Author, ConversationKey

HERE = ConversationKey("discord", "1", "2")
ADA = Asker(Author("discord", "7", "Ada", frozenset({"role-a"})), HERE)
ROOT = Asker(Author("discord", "8", "Root"), HERE, direct=True, admin=True)


@pytest.mark.parametrize(
    ("check", "ada", "root"),
    [
        (anyone, True, True),
        (is_admin, False, True),
        (in_direct_message, False, True),
        (has_role("role-a", "role-b"), True, False),
        (is_user("discord:7", "slack:8"), True, False),
        (~is_admin, True, False),
        (is_admin | has_role("role-a"), True, True),
        (is_admin & has_role("role-a"), False, False),
        (is_admin & in_direct_message, False, True),
        (~(is_admin | has_role("role-a")), False, False),
    ],
)
def test_checks_combine(check: Check, ada: bool, root: bool) -> None:
    assert (check(ADA), check(ROOT)) == (ada, root)


def test_the_reason_combines_as_well() -> None:
    check = (is_admin | has_role("role-a")) & ~in_direct_message
    assert check.reason == ("an admin or the role role-a and not a direct message")
