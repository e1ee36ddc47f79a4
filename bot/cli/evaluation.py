"""The command `parlance docs eval`: how well questions are answered, and a file of real ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bot.cli.console import AsJson, console, say, show, show_json, to_json_value
from bot.cli.loop import run_with_app
from bot.cli.options import Base, ConfigPath
from bot.commands.time_words import parse_since
from bot.control_characters import escape_controls
from bot.errors import UsageError


class FileOrCommand(TyperGroup):
    """Takes what is none of its commands for what `run` is given: `docs eval FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


commands = typer.Typer(
    cls=FileOrCommand,
    no_args_is_help=True,
    help="Measure the search on questions with known answers: `docs eval FILE`.",
)


@commands.command("run")
def evaluate_(
    file: Annotated[Path, typer.Argument(help="Golden file: questions with their documents.")],
    half: Annotated[str, typer.Option(help="Only this half of the set: tuning or test.")] = "",
    base: Base = None,
    answers: Annotated[
        bool, typer.Option(help="Ask the model, too, and measure its citations.")
    ] = False,
    reader: Annotated[
        bool, typer.Option(help="Have the model that reads decide, as in chat.")
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option(help="First fit how sure it is, on the tuning half, and keep that."),
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Measure the search on questions with known answers; needs no model."""
    from bot.cli.eval_answers import describe_curve, describe_outcomes, measure_with_models
    from bot.knowledge.retrieval.evaluation_runs import describe_run, keep_run
    from bot.knowledge.retrieval.golden import load_golden
    from bot.knowledge.retrieval.outcomes import outcomes_by_language
    from bot.notices.version_watch import installed_version

    questions = load_golden(file, half=half)

    async def work(app: Any) -> Any:
        measured, curve = await measure_with_models(
            app,
            questions,
            base=base,
            answers=answers,
            reads=reader or calibrate,
            calibrate_from=file if calibrate else None,
        )
        run = describe_run(
            measured,
            file.name,
            half=half,
            base=base or "",
            reader=reader or calibrate,
            answers=answers,
            version=installed_version() or "",
        )
        try:
            await asyncio.to_thread(keep_run, app.installation.config.data_dir, run)
        except OSError as error:
            say(f"The run is not kept for the console: {(error.strerror or 'unknown').lower()}.")
        return measured, curve

    found, curve = run_with_app(config, work)
    outcomes = outcomes_by_language(found.judged)
    measured = to_json_value(replace(found, judged=()))
    del measured["judged"]
    if as_json:
        kept = {"curve": to_json_value(curve)} if curve else {}
        show_json(measured | {"outcomes": to_json_value(outcomes)} | kept)
        return
    if curve:
        console.print(describe_curve(curve))
    rows = [
        {"what": name.replace("_", " "), "value": value}
        for name, value in measured.items()
        if name != "misses" and value is not None
    ]
    show(rows, as_json=False)
    show([describe_outcomes(name, one) for name, one in outcomes.items()], as_json=False)
    for miss in measured["misses"][:20]:
        wanted = ", ".join(miss["expected"]) or "none"
        found = miss["found"] if miss["evidence"] else "no evidence"
        line = f"  {miss['question']} → {found} (expected: {wanted})"
        console.print(escape_controls(line), soft_wrap=True)


@commands.command("make")
def make_questions(
    since: Annotated[str, typer.Option(help="Since when: 30d, 12h or 2026-11-01.")] = "30d",
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("questions.yaml"),
    force: Annotated[bool, typer.Option(help="Write it anew if it is there already.")] = False,
    config: ConfigPath = None,
) -> None:
    """Collect questions that were not answered, not for sure, or not well, to be completed by
    hand. Direct messages are left out, and so is who asked, where and when."""
    from bot.cli.eval_questions import (
        is_direct_message,
        redactor,
        to_golden_file,
        write_new_file,
    )
    from bot.history.asked_questions import collect_questions
    from bot.observability.redaction import Redactor

    after = parse_since(since, datetime.now().astimezone())
    if after is None:
        raise UsageError(f"{since!r} is no time; write 30d, 12h or 2026-11-01.")
    if out.exists() and not force:
        raise UsageError(f"{out} is there already; --force writes it anew.")

    async def work(app: Any) -> Any:
        secrets = Redactor(app.installation.secrets.known())
        return await collect_questions(
            app.database, after, redact=redactor(secrets), leave_out=is_direct_message
        )

    found = run_with_app(config, work)
    if not found:
        say("There is no such question since then; nothing was written.")
        return
    write_new_file(out, to_golden_file(found), force=force)
    console.print(
        escape_controls(f"Wrote {len(found)} questions to {out}; name the documents of each."),
        soft_wrap=True,
    )
