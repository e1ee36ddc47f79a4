"""What a running bot tells of its models."""

from __future__ import annotations

import pytest

from bot.status import model_row
from tests.fakes.pools import pool_of


@pytest.mark.parametrize(
    ("others", "detail"),
    [
        ([], ""),
        (["b"], "shared with 1 other bot, slots for this one: 2"),
        (["b", "c"], "shared with 2 other bots, slots for this one: 2"),
    ],
)
async def test_a_server_that_other_bots_use_is_said_to_be_shared(
    others: list[str], detail: str
) -> None:
    pool = pool_of("http://127.0.0.1:9", parallel=4)
    pool.sharing.hear({}, "a")
    told = pool.sharing.tell()
    pool.sharing.hear(dict.fromkeys(["a", *others], told), "a")
    (status,) = pool.status()
    assert model_row(status)["detail"] == detail
    await pool.aclose()
