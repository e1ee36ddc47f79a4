"""Access to a command, as an admin sets it in chat: parsing, writing and checking it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bot.catalogue.sentence import say
from bot.errors import UsageError
from bot.types import Author

Whom = Literal["everyone", "admins", "nobody"]

ACCESS_SYNTAX = say(
    "Write everyone, admins or nobody, or name roles and people: "
    "mention them, or write role:ID and user:ID."
)
_WHOM: dict[str, Whom] = {
    "everyone": "everyone",
    "@everyone": "everyone",
    "admins": "admins",
    "nobody": "nobody",
}
_ROLE = re.compile(r"<@&(\w+)>|<!subteam\^(\w+)(?:\|[^>]*)?>|role:([^\s<>]+)")
_USER = re.compile(r"<@!?(\w+)(?:\|[^>]*)?>|user:([^\s<>]+)")
_PERSON = re.compile(r"(?:(?P<platform>[a-z_]+):)?(?P<id>\w+|(?P<address>@[^\s:<>]+:[^\s<>]+))")
_HAS_DIGIT = re.compile(r"\d")
_MAX_ROLES_AND_USERS = 50


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a command: everyone, nobody, or admins and the listed people and roles.

    `roles` and `users` are ids of the platform; they count only with `whom="admins"`.
    """

    whom: Whom = "admins"
    roles: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Write it in the form that `parse_access` reads."""
        names = [*(f"role:{r}" for r in sorted(self.roles)), *(f"user:{u}" for u in self.users)]
        return " ".join(names) or self.whom

    def allows(self, author: Author, *, admin: bool) -> bool:
        """Whether this person may use the command."""
        if self.whom != "admins":
            return self.whom == "everyone"
        return admin or author.id in self.users or bool(author.roles & self.roles)


def parse_person(text: str, platform: str) -> str:
    """Parse a mention or an id of a person on `platform`; returns the `Author.key`.

    Raises `UsageError` for anything else, such as a name, which may be anybody's.
    """
    word = text.strip()
    if (user := _USER.fullmatch(word)) is not None:
        return f"{platform}:{next(filter(None, user.groups()))}"
    person = _PERSON.fullmatch(word)
    if person is None or not (person["platform"] or person["address"] or _HAS_DIGIT.search(word)):
        raise UsageError(say("Mention the person, or write user:ID; a name may be anybody's."))
    return f"{person['platform'] or platform}:{person['id']}"


def parse_access(text: str) -> Access:
    """Parse what an admin wrote, e.g. `everyone` or `role:ID user:ID`. Raises `UsageError`."""
    words = text.replace(",", " ").split()
    if len(words) == 1 and (whom := _WHOM.get(words[0].lower())) is not None:
        return Access(whom)
    roles, users = set(), set()
    for word in words:
        if (role := _ROLE.fullmatch(word)) is not None:
            roles.add(next(filter(None, role.groups())))
        elif (user := _USER.fullmatch(word)) is not None:
            users.add(next(filter(None, user.groups())))
        elif word.lower() != "admins":  # they always may
            raise UsageError(
                say(
                    "{word!r} is no role or person. {access_syntax}",
                    word=word[:40],
                    access_syntax=ACCESS_SYNTAX,
                )
            )
    if not words or len(roles) + len(users) > _MAX_ROLES_AND_USERS:
        raise UsageError(
            ACCESS_SYNTAX
            if not words
            else say(
                "These are more than {max_roles_and_users} roles and people.",
                max_roles_and_users=_MAX_ROLES_AND_USERS,
            )
        )
    return Access("admins", frozenset(roles), frozenset(users))
