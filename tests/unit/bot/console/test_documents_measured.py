"""Runs of `docs eval` are kept, and two are compared."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.console.pages.document_evaluations import compare_runs
from bot.knowledge.retrieval.evaluation import Evaluation
from bot.knowledge.retrieval.evaluation_runs import (
    MAX_KEPT_RUNS,
    RUNS_FILE,
    EvaluationRun,
    MeasuredShare,
    describe_run,
    keep_run,
    read_runs,
)
from bot.knowledge.retrieval.golden import Golden
from bot.knowledge.retrieval.outcomes import Judged
from bot.values import Outcome
from tests.unit.bot.console.conftest import Room


def run(answered: int, of: int = 100, file: str = "golden.yaml") -> EvaluationRun:
    """A run of questions with an answer, of which some were answered rightly."""
    outcomes: list[Outcome] = ["answer" if number < answered else "absent" for number in range(of)]
    judged = tuple(
        Judged(Golden("secret words?", ("a.md",)), outcome, shown=True) for outcome in outcomes
    )
    share = answered / of
    measured = Evaluation(
        of, of, share, share, share, share, 1.0, 1.0, 1.0, None, 12.0, 34.0, (), judged
    )
    return describe_run(measured, file)


async def test_two_runs_stand_beside_each_other(room: Room) -> None:
    folder = room.app.installation.config.data_dir
    ann = await room.browser("ann")
    path = "/console/documents/measured"
    assert "Nothing was measured yet" in (await ann.get(path)).text
    other = run(10, file="<script>alert(1)</script>.yaml")
    for one in (run(50), run(55), other, run(90)):
        await asyncio.to_thread(keep_run, folder, one)
    page = (await ann.get(path)).text
    assert "90% of 100" in page
    assert "55% of 100" in page  # the one before on the same file
    assert ">better<" in page
    assert "<script>alert" not in page
    newest, _, second, oldest = await asyncio.to_thread(read_runs, folder)
    chosen = (await ann.get(path, params={"first": newest.id, "second": oldest.id})).text
    assert ">worse<" in chosen
    close = (await ann.get(path, params={"first": oldest.id, "second": second.id})).text
    assert ">better<" not in close  # the intervals overlap
    assert "secret words" not in await asyncio.to_thread((folder / RUNS_FILE).read_text)
    assert (await (await room.browser("bob")).get(path)).status_code == 403


def test_only_the_last_runs_are_kept_and_a_broken_file_is_none(tmp_path: Path) -> None:
    for answered in range(MAX_KEPT_RUNS + 3):
        keep_run(tmp_path, run(answered))
    kept = read_runs(tmp_path)
    assert len(kept) == MAX_KEPT_RUNS
    assert kept[0].outcomes["answered"].share > kept[-1].outcomes["answered"].share
    for broken in (b"", b"[{}]", b"[" * 2_000_000):
        (tmp_path / RUNS_FILE).write_bytes(broken)
        assert read_runs(tmp_path) == ()
    keep_run(tmp_path, run(1))
    assert len(read_runs(tmp_path)) == 1


def test_more_that_is_invented_is_worse() -> None:
    def invented(share: float) -> EvaluationRun:
        measured = MeasuredShare(share=share, of=100, low=share - 0.05, high=share + 0.05)
        at = datetime.now(UTC) + timedelta(seconds=share)
        return run(50).model_copy(update={"at": at, "outcomes": {"invented": measured}})

    [line] = [one for one in compare_runs(invented(0.1), invented(0.4)) if one.change]
    assert line.change == "worse"
