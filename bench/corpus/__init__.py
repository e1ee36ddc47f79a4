"""A corpus of files made by other writers, and how well the loaders read them."""

from __future__ import annotations

from bench.rows import Row


async def rows(quick: bool) -> list[Row]:
    """The scores by format; see `bench.corpus.room`."""
    # Not above: the writers in Python import this package where Parlance is not installed.
    from bench.corpus import room

    return await room.rows(quick)
