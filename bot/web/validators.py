"""What a server says of the version of a page (`ETag`, `Last-Modified`), to ask for a newer one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

_MAX_VALIDATOR_CHARACTERS = 500
"""A longer validator is not kept; the page is then compared by its bytes."""


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of a page. They are sent to the very URL that gave them, and to no other."""

    url: str = ""
    etag: str = ""
    modified: str = ""

    def request_headers(self, url: str) -> dict[str, str]:
        """Returns the headers that ask for a newer version of a page; none for other URLs."""
        if url != self.url:
            return {}
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in named.items() if value}

    def encode(self) -> str:
        """Returns them as text; "" if the server gave none."""
        return json.dumps(asdict(self)) if self.etag or self.modified else ""


NOTHING_KNOWN = Validators()
"""The validators of a page of which no version is known: it is sent in any case."""


def read_validators(url: str, headers: Mapping[str, str]) -> Validators:
    """Returns the validators in the headers of an answer; what is too long or odd is left out."""

    def take(name: str) -> str:
        value = headers.get(name, "").strip()
        usable = len(value) <= _MAX_VALIDATOR_CHARACTERS and value.isascii() and value.isprintable()
        return value if usable else ""

    return Validators(url, take("ETag"), take("Last-Modified"))


def decode_validators(text: str) -> Validators:
    """Returns what `Validators.encode` wrote; none for anything else."""
    try:
        return Validators(**{str(name): str(value) for name, value in json.loads(text).items()})
    except (ValueError, TypeError, AttributeError):
        return NOTHING_KNOWN
