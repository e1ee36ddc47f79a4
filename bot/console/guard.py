"""What every request to the console passes, and what every answer carries, whatever page it is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""For every answer. Pages are not kept by browsers (`no-store`); the page itself says so."""
_MAX_HOST_CHARACTERS: Final = 300


class Hosts:
    """The names under which the console answers: this machine's own, and the public one.

    A page in somebody's browser can have any name resolve to this machine; a request that was sent
    to another name is not for us.
    """

    def __init__(self, host: str, public_url: str | None) -> None:
        public = urlsplit(public_url or "")
        named = {host.lower(), (public.hostname or "").lower()}
        self._names = LOOPBACK_NAMES | (named - {"", "0.0.0.0", "::"})
        self._public_name = (public.hostname or "").lower()
        self._public_origin = f"{public.scheme}://{public.netloc}".lower() if public.netloc else ""

    def knows(self, host: str) -> bool:
        """Whether a request with this `Host` is for us."""
        return _name_of(host) in self._names

    def is_public(self, host: str) -> bool:
        """Whether a request came by the public name, and so through the operator's proxy."""
        return bool(self._public_name) and _name_of(host) == self._public_name

    def is_same_origin(self, host: str, origin: str, fetch_site: str) -> bool:
        """Whether a request was sent by a page of ours; `origin` and `fetch_site` are what the
        browser says (`Origin`, `Sec-Fetch-Site`), empty where it says nothing.

        Every browser says at least one of them of a request that changes something.
        """
        if fetch_site:
            return fetch_site == "same-origin"
        if not origin or origin == "null":
            return False
        return urlsplit(origin).netloc.lower() == host.lower() or origin.lower() == (
            self._public_origin
        )


def _name_of(host: str) -> str:
    if len(host) > _MAX_HOST_CHARACTERS:
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def form_token(cookie: str) -> str:
    """The value that every form of a session carries: made of its cookie, which nobody else has, so
    that any process of the bot knows it."""
    return hmac.new(cookie.encode(), b"a form of the console", hashlib.sha256).hexdigest()


def is_own_path(path: str) -> bool:
    """Whether an address to go on to is a path of this console: not another site's."""
    return path.startswith("/console/") and "\\" not in path and "//" not in path
