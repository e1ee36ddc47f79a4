"""Who may do what: small predicates that combine with `&`, `|` and `~`, enforced by the router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.types import Author, ConversationKey


@dataclass(frozen=True, slots=True)
class Asker:
    """The person whom a check is about, where they ask, and whether config.yaml says admin."""

    author: Author
    conversation: ConversationKey
    direct: bool = False
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A predicate on an `Asker`, with the reason that a refusal shows."""

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
in_direct_message = Check(lambda a: a.direct, "in a direct message")
anyone = Check(lambda a: True, "anyone")


def has_role(*roles: str) -> Check:
    """The person has at least one of the platform's role ids."""
    wanted = frozenset(roles)
    return Check(lambda a: bool(wanted & a.author.roles), f"with the role {' or '.join(roles)}")


def is_user(*keys: str) -> Check:
    """The person is one of `platform:id`."""
    wanted = frozenset(keys)
    return Check(lambda a: a.author.key in wanted, f"one of {', '.join(keys)}")
