"""What processes ask each other, and what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from bot.processes.peers import MAX_ANSWER_CHARACTERS, Peers, TooLongToTell
from tests.unit.bot.processes.conftest import Process

Begin = Callable[[], Awaitable[Process]]


async def test_each_answers_by_itself_and_long_answers_come_whole(begin: Begin) -> None:
    processes = [await begin() for _ in range(3)]
    asking, *others = (Peers(one.database) for one in processes)

    async def long(asked: Mapping[str, Any]) -> Any:
        return [asked["said"] + ' "“\\" \x00'] * 500

    async def nothing(asked: Mapping[str, Any]) -> None:
        return None

    others[0].answer("say", long)
    others[1].answer("say", nothing)
    said = 'é"' * 20
    assert await asking.ask("say", {"said": said}) == [[said + ' "“\\" \x00'] * 500]
    at_once = await asyncio.gather(*(asking.ask("say", {"said": str(n)}) for n in range(5)))
    assert [answers[0][0][0] for answers in at_once] == list("01234")
    assert await asking.ask("whatever", {}) == []
    with pytest.raises(TooLongToTell):
        await asking.ask("say", {"said": "x" * 10_000})
    for one in (asking, *others):
        await one.close()


async def test_an_answer_that_is_too_long_is_none(begin: Begin) -> None:
    processes = [await begin() for _ in range(2)]
    asking, other = (Peers(one.database) for one in processes)

    async def endless(asked: Mapping[str, Any]) -> str:
        return "x" * MAX_ANSWER_CHARACTERS

    other.answer("say", endless)
    assert await asking.ask("say", {}, within_s=0.2) == []
    for one in (asking, other):
        await one.close()
