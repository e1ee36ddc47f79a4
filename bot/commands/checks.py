"""Permission checks: predicates on the person who asks, combined with `&`, `|` and `~`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.types import Author, ConversationKey


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks, where, whether in a direct message, and whether they are an admin."""

    author: Author
    conversation: ConversationKey
    direct: bool = False
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A predicate on an `Asker`. A refusal reads: 'This needs {reason}.'"""

    test: Callable[[Asker], bool] = field(repr=False)
    reason: str

    def __call__(self, asker: Asker) -> bool:
        return self.test(asker)

    def __and__(self, other: Check) -> Check:
        return Check(lambda a: self(a) and other(a), f"{self.reason} and {other.reason}")

    def __or__(self, other: Check) -> Check:
        return Check(lambda a: self(a) or other(a), f"{self.reason} or {other.reason}")

    def __invert__(self) -> Check:
        return Check(lambda a: not self(a), f"not {self.reason}")


is_admin = Check(lambda a: a.admin, "an admin named in config.yaml")
"""The person is an admin here."""
in_direct_message = Check(lambda a: a.direct, "in a direct message")
"""The person asks in a direct message."""
anyone = Check(lambda a: True, "anyone")
"""Everybody passes."""


def has_role(*roles: str) -> Check:
    """Return a check that a person has at least one of these role ids of the platform."""
    wanted = frozenset(roles)
    return Check(lambda a: bool(wanted & a.author.roles), f"with the role {' or '.join(roles)}")


def is_user(*keys: str) -> Check:
    """Return a check that a person is one of these, given as `platform:id`."""
    wanted = frozenset(keys)
    return Check(lambda a: a.author.key in wanted, f"one of {', '.join(keys)}")
