"""The section of config.yaml that concerns models with tools."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from bot.config.base import Section


def _check_trusted(entry: str) -> str:
    rest = entry.removeprefix("*.")
    if not rest.strip() or "*" in rest:
        raise ValueError("write a whole value, or a domain as *.example.org")
    if rest != entry and "." not in rest:
        raise ValueError("that is half of the internet; write a domain as *.example.org")
    return entry


TrustedEntry = Annotated[str, AfterValidator(_check_trusted)]


class AgentSettings(Section):
    """Models with tools."""

    trusted: tuple[TrustedEntry, ...] = ()
    """Values that may be written and sent to without asking, as if everybody had said them:
    addresses, channels, names, each as a whole; a host (`example.org`) with the addresses of pages
    and people at it, `*.example.org` also with those below it."""
