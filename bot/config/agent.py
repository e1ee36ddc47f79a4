"""The section of config.yaml that concerns models with tools."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from bot.config.base import Section

_Steps = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(ge=0)]


def _check_trusted(entry: str) -> str:
    rest = entry.removeprefix("*.")
    if not rest.strip() or "*" in rest:
        raise ValueError("write a whole value, or a domain as *.example.org")
    if rest != entry and "." not in rest:
        raise ValueError("that is half of the internet; write a domain as *.example.org")
    return entry


TrustedEntry = Annotated[str, AfterValidator(_check_trusted)]


class PersonBudget(Section):
    """What one person may have done with tools on a day (UTC); admins may more."""

    daily_steps: _Steps = 2_000
    """Answers of a model that may call tools; 0: no limit."""
    daily_seconds: _Seconds = 14_400.0
    """Time for which models and tools worked, in seconds; 0: no limit."""


class PlaceBudget(Section):
    """What may be done with tools in one channel on a day (UTC), by everybody."""

    daily_steps: _Steps = 10_000
    """Answers of a model that may call tools; 0: no limit."""
    daily_seconds: _Seconds = 43_200.0
    """Time for which models and tools worked, in seconds; 0: no limit."""


class AgentSettings(Section):
    """Models with tools."""

    trusted: tuple[TrustedEntry, ...] = ()
    """Values that may be written and sent to without asking, as if everybody had said them:
    addresses, channels, names, each as a whole; a host (`example.org`) with the addresses of pages
    and people at it, `*.example.org` also with those below it."""
    person: PersonBudget = PersonBudget()
    """How much one person may have done on a day."""
    place: PlaceBudget = PlaceBudget()
    """How much may be done in one channel on a day."""
