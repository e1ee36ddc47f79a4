"""`/duel`: two models answer, and people vote without knowing which is which."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.errors import BackendBusy, BackendUnavailable
from backends.scripted.backend import ScriptedBackend
from bot.testing import Answer, Parlance, running_skills
from tests.until import until

ASK = "/duel Why is the sky blue?"


@asynccontextmanager
async def dueling(folder: Path, *models: ScriptedBackend, **more: Any) -> AsyncIterator[Parlance]:
    """A core with a model that answers `small …`, and one that answers `large …`."""
    made = models or (
        ScriptedBackend("small", echo="small here"),
        ScriptedBackend("large", echo="large here"),
    )
    async with running_skills(models=made, folder=folder, **more) as core:
        yield core


def sides(answer: Answer) -> list[str]:
    """Which model wrote what is shown as A and as B."""
    return re.findall(r"^(\w+) here$", answer.view.text, re.MULTILINE)


async def test_both_answer_and_nothing_says_which_is_which(tmp_path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    async with dueling(tmp_path) as core:
        while len(seen) < 2:
            answer = await core.say(ASK)
            assert answer.state == "complete"
            first, second = sides(answer)
            seen.add((first, second))
            shown = f"{answer.text} {answer.view.heading} {answer.view.actions} {answer.states}"
            assert re.sub(r"\w+ here", "", shown).count("small") == 0
            assert answer.view.text == f"**A**\n\n{first} here\n\n**B**\n\n{second} here"
            assert answer.choices == ("a", "b", "tie", "bad", "names")
            assert [one.name for one in answer.view.actions] == ["press"] * 5
        stored = await core.services.history.get(answer.view.turn)
        assert stored is not None
        assert stored.model == ""
    assert seen == {("small", "large"), ("large", "small")}


async def test_everybody_in_the_channel_votes_once_and_is_told_afterwards(tmp_path: Path) -> None:
    async with dueling(tmp_path) as core:
        answer = await core.say(ASK)
        first, second = sides(answer)
        refused = await core.press(answer, "names", user="bob")
        assert "Vote first" in refused.text
        assert refused.view.audience == "asker"
        assert "Noted: A is better." in (await core.press(answer, "a", user="bob")).text
        assert "Noted: Tie." in (await core.press(answer, "tie", user="bob")).text
        assert "Noted: B is better." in (await core.press(answer, "b", user="bob")).text
        names = await core.press(answer, "names", user="bob")
        assert names.text == f"A is {first}, B is {second}."
        assert "stays as it is" in (await core.press(answer, "a", user="bob")).text
        assert (await core.press(answer, "names")).text == names.text  # who asked need not vote
        assert "cannot vote" in (await core.press(answer, "a")).text
        board = await core.say("/duel board", user="eve")
        assert board.view.audience == "asker"
        assert board.text.startswith("1 vote · 1 person · 1 duel\n\n")
        rows = re.findall(r"^- \*\*(\d+)\*\* (\w+) \((.*)\)$", board.text, re.MULTILINE)
        assert [name for _, name, _ in rows] == [second, first]
        assert all(about.endswith("1 voter; few votes yet") for _, _, about in rows)


async def test_models_that_are_named_take_part(tmp_path: Path) -> None:
    third = ScriptedBackend("third", echo="third here")
    small, large = (ScriptedBackend(one, echo=f"{one} here") for one in ("small", "large"))
    async with dueling(tmp_path, small, large, third) as core:
        seen: set[tuple[str, ...]] = set()
        while len(seen) < 2:
            seen.add(tuple(sides(await core.say(f"{ASK} a=third b=small"))))
        assert seen == {("third", "small"), ("small", "third")}
        for _ in range(4):
            assert "third" in sides(await core.say(f"{ASK} b=third"))
        same = await core.say(f"{ASK} a=small b=small")
        assert (same.state, same.text) == (
            "refused",
            "Name two different models, or let me draw them.",
        )
        assert "Did you mean small?" in (await core.say(f"{ASK} a=smal")).text
        assert await core.complete("duel", "a", "s") == ["small"]


async def test_a_rap_battle_is_a_duel_too(tmp_path: Path) -> None:
    async with dueling(tmp_path) as core:
        answer = await core.say('/duel rap="tea vs coffee"')
        headings = re.findall(r"^\*\*(.*)\*\*$", answer.view.text, re.MULTILINE)
        assert headings == [
            f"{side} · round {number}" for number in (1, 2) for side in ("A · tea", "B · coffee")
        ]
        first, second = sides(answer)[:2]
        assert sides(answer) == [first, second] * 2
        await core.press(answer, "b", user="bob")
        assert core.services.duels is not None
        best = (await core.services.duels.board()).standings[0]
        assert (best.model, best.won) == (second, 1)
        assert "Name two performers" in (await core.say("/duel rap=tea")).text


async def test_with_one_model_it_says_how_to_get_another(tmp_path: Path) -> None:
    async with dueling(tmp_path, ScriptedBackend("only")) as core:
        answer = await core.say(ASK)
        assert answer.state == "refused"
        assert re.fullmatch(
            r"A duel needs two models, and there is one\. "
            r"An admin fetches another: `/model pull [\w.-]+`\.",
            answer.text,
        )
        assert not core.model.requests


@pytest.mark.parametrize("call", ["/duel", f'{ASK} rap="tea vs coffee"'])
async def test_one_thing_is_asked(call: str, tmp_path: Path) -> None:
    async with dueling(tmp_path) as core:
        answer = await core.say(call)
        assert answer.state == "refused"
        assert answer.text.startswith("Ask one thing: /duel Why is the sky blue?")


async def test_a_model_that_fails_leaves_what_the_other_wrote(tmp_path: Path) -> None:
    small, large = (ScriptedBackend(one, echo=f"{one} here") for one in ("small", "large"))
    async with dueling(tmp_path, small, large) as core:
        seen: set[str] = set()
        while len(seen) < 2:
            small.fail_next(BackendUnavailable("secret address"))
            answer = await core.say(f"{ASK}")
            assert answer.state == "failed"
            assert answer.choices == ()
            assert "secret" not in answer.text
            seen.add(answer.view.text)
            if answer.view.text:
                assert answer.notices == (
                    "The other side could not answer, so there is no vote. Ask again in a moment.",
                )
        assert seen == {"", "**A**\n\nlarge here"}
        assert core.services.duels is not None
        assert (await core.services.duels.board()).duels == 0


async def test_a_busy_model_says_when_to_ask_again(tmp_path: Path) -> None:
    small, large = (ScriptedBackend(one, echo=f"{one} here") for one in ("small", "large"))
    async with dueling(tmp_path, small, large) as core:
        for one in (small, large):
            one.fail_next(BackendBusy(12))
        answer = await core.say(ASK)
        assert answer.state == "refused"
        assert answer.text == "The model is busy; try again in about 12 s."


async def test_stop_ends_it_and_what_was_written_stays_without_a_vote(tmp_path: Path) -> None:
    slow = [
        ScriptedBackend(one, echo="word " * 5_000, tokens_per_s=500) for one in ("small", "large")
    ]
    async with dueling(tmp_path, *slow) as core:
        asked = asyncio.create_task(core.say(ASK))
        await until(lambda: any(one.active for one in slow))
        await asyncio.sleep(0.05)
        await core.say("/stop")
        answer = await asked
        assert answer.state == "cancelled"
        assert answer.view.text.startswith("**A**\n\nword")
        assert answer.choices == ()
        assert not any(one.active for one in slow)


async def test_at_the_deadline_what_was_written_stays_without_a_vote(tmp_path: Path) -> None:
    slow = [
        ScriptedBackend(one, echo="word " * 5_000, tokens_per_s=50) for one in ("small", "large")
    ]
    limits = {"limits": {"turn_deadline_s": 2}}
    async with dueling(tmp_path, *slow, sections=limits) as core:
        answer = await core.say(ASK)
        assert answer.state == "failed"
        assert answer.view.text.startswith("**A**\n\nword")
        assert answer.notices[0].startswith("The answer took too long, so I ended it.")
        assert answer.choices == ()


async def test_code_that_one_leaves_open_does_not_swallow_the_other(tmp_path: Path) -> None:
    models = [ScriptedBackend(one, echo="```python\nx = 1") for one in ("small", "large")]
    async with dueling(tmp_path, *models) as core:
        answer = await core.say(ASK)
        block = "```python\nx = 1\n```"
        assert answer.view.text == f"**A**\n\n{block}\n\n**B**\n\n{block}"


async def test_a_side_without_words_says_so(tmp_path: Path) -> None:
    models = [ScriptedBackend("small", echo=" "), ScriptedBackend("large", echo="large here")]
    async with dueling(tmp_path, *models) as core:
        answer = await core.say(ASK)
        assert answer.state == "complete"
        assert "*(has no words)*" in answer.view.text
        assert "large here" in answer.view.text


async def test_a_duel_is_one_question_of_the_hour(tmp_path: Path) -> None:
    async with dueling(tmp_path, sections={"limits": {"quota_per_hour": 1}}) as core:
        assert (await core.say(ASK)).state == "complete"
        assert (await core.say(ASK)).state == "refused"


async def test_who_may_not_duel_has_no_model_asked(tmp_path: Path) -> None:
    async with dueling(tmp_path, commands={"duel": {"enabled": False}}) as core:
        assert (await core.say(ASK)).text == "You may not use /duel here."
        assert not core.model.requests


async def test_a_rule_for_buttons_holds_for_votes(tmp_path: Path) -> None:
    async with dueling(tmp_path, commands={"button:press": {"enabled": False}}) as core:
        answer = await core.say(ASK)
        voted = await core.press(answer, "a", user="bob")
        assert voted.text == "You may not use this button here."
        assert core.services.duels is not None
        assert (await core.services.duels.board()).votes == 0
