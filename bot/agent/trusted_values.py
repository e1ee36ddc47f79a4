"""The values that the operator trusts, wherever a model has them from (`agent.trusted`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from bot.agent.value_search import normalize

_ANY_BELOW: Final = "*."
_SCHEMES: Final = frozenset({"http", "https"})
_MAIL = re.compile(r"[\w.+-]+@([\w.-]+)", re.ASCII)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)


class TrustedValues:
    """Whole values, and hosts: an entry with a dot stands for addresses of pages and people at this
    host, too, and one that begins with `*.` also for those below it."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        plain = [normalize(one) for one in entries]
        self._whole = frozenset(plain)
        self._below = tuple(one.removeprefix("*") for one in plain if one.startswith(_ANY_BELOW))
        self._hosts = self._whole | {one.removeprefix(".") for one in self._below}

    def covers(self, value: str) -> bool:
        """Whether a value of a call is trusted."""
        if not self._whole:
            return False
        if normalize(value) in self._whole:
            return True
        host = _host_of(value)
        return bool(host) and (host in self._hosts or host.endswith(self._below))


def _host_of(value: str) -> str:
    """The host of the address of a page or a person, in lower case; empty for anything that could
    be read in two ways."""
    mail = _MAIL.fullmatch(value)
    if mail is not None:
        return mail[1].lower()
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    if parts.scheme not in _SCHEMES or "\\" in value or any(c.isspace() for c in value):
        return ""
    name = parts.netloc.partition(":")[0].lower()  # with a user name before it, it is no host
    return name if _HOST.fullmatch(name) else ""
