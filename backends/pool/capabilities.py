"""Combines the capabilities of several replicas of one model."""

from __future__ import annotations

from collections.abc import Sequence

from backends.base import Capabilities


def combine_capabilities(able: Sequence[Capabilities], thoughts: int = 0) -> Capabilities:
    """Return what all replicas can do; `thoughts` tokens of the context are reserved for
    thinking.
    """
    first = able[0]
    context = min((each.context for each in able if each.context), default=0)
    return Capabilities(
        context=context - min(thoughts, context // 2),
        chat=all(each.chat for each in able),
        embed=all(each.embed for each in able),
        dimension=first.dimension if all(e.dimension == first.dimension for e in able) else 0,
        tools=all(each.tools for each in able),
        json_schema=all(each.json_schema for each in able),
        template=first.template,
        sampling=first.sampling,
        thinking=any(each.thinking for each in able),
        continues=all(each.continues for each in able),
        copies=all(each.copies for each in able),
        vision=all(each.vision for each in able),
        reads=_all_read([each.reads for each in able]),
        notes=tuple(dict.fromkeys(note for each in able for note in each.notes)),
        parameters=min(each.parameters for each in able),
        family=first.family if all(each.family == first.family for each in able) else "",
    )


def _all_read(found: Sequence[bool | None]) -> bool | None:
    return False if False in found else None if None in found else True
