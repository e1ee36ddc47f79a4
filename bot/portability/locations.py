"""Checks where the sources of a file say that they are: a sync reads what stands there."""

from __future__ import annotations

import os
from typing import Final

from bot.knowledge.loading.sources import is_url
from bot.portability.column_values import BadValue

_UPLOAD: Final = "upload"
"""A source that is only a name; nothing is read there."""
_WEB: Final = ("http://", "https://")


def check_location(kind: str, location: str, person: str | None) -> None:
    """Check the location of a source. One of a person (`Author.key`) is a page of the web, or what
    they sent: nothing of the machine's own is read for them. Raises `BadValue`."""
    if kind == _UPLOAD:
        return
    if person is not None and not person.startswith("terminal:"):
        if kind not in ("page", "sitemap") or not location.startswith(_WEB):
            raise BadValue("it names a place that is not on the web")
        return
    path = location.removeprefix("git+").partition("?")[0]
    if not is_url(path) and not (os.path.isabs(path) and os.path.normpath(path) == path):
        raise BadValue("its path is not a whole one")
