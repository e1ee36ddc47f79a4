"""What a bug report holds, and what it never does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import structlog

from backends.errors import BackendUnavailable
from bot.bug_report.report import MAX_LOG_BYTES
from bot.bug_report.settings_redaction import redact_settings
from bot.bug_report.text_redaction import redact_error, redact_line, redact_sentence, redact_trace
from bot.config import Config
from bot.observability.log_file import LogFile
from bot.observability.log_reader import read_last_lines
from bot.observability.logs import configure
from tests.unit.bot.console.conftest import Room, open_room

SECRET = "sk-ant-Hunter2Hunter2Hunter2Hunter2"
WORDS = "zanzibar"
"""Stands in everything that people, models, documents and operators wrote."""


def fail(words: str) -> None:
    raise BackendUnavailable(f"the engine said {words}")


async def seed(room: Room) -> None:
    """Have words and secrets stand wherever they can."""
    await room.turn(WORDS, f"test:{WORDS}:{WORDS}", text=WORDS, said=WORDS, command="ask")
    async for _ in room.app.knowledge.add_bytes(f"{WORDS}.md", f"# {WORDS}\n\n{WORDS}".encode()):
        pass
    log = structlog.get_logger("bot.turns.runner")
    try:
        fail(f"{WORDS} {SECRET}")
    except BackendUnavailable:
        log.exception("turn.failed", error_id="ab12cd34", seconds=1.5, reason=f"{WORDS} {SECRET}")
    log.warning(f"{WORDS} {SECRET}", skill="ask", place=WORDS, model=WORDS, key=SECRET)
    log.error("turn.odd", reason=f"BackendUnavailable: {WORDS}", turn=WORDS, state=WORDS.title())


async def test_no_secret_name_or_text_is_in_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={SECRET}\n", "utf-8")
    sections: dict[str, Any] = {
        "chat": {"persona": WORDS},
        "admins": {"users": ["test:ann", f"test:{WORDS}"]},
        "channels": {f"test:{WORDS}:{WORDS}": {"file_over_chars": 99}},
        "plugins": {"folders": [f"/srv/{WORDS}/plugins"]},
        "knowledge": {"bases": {WORDS: {"description": WORDS}}},
        "models": {
            "default": {"backend": "scripted", "replies": [WORDS], "description": WORDS},
            "embedder": {"backend": "scripted"},
        },
    }
    async with open_room(tmp_path, **sections) as room:
        here = room.app.installation
        log = LogFile(here.config.data_dir / "log", 1_000_000)
        configure(known=here.secrets.known(), file=log)
        log.open()
        await seed(room)
        await asyncio.to_thread(log.close)
        browser = await room.browser("ann")
        form = await browser.form("/console/health")
        answer = await browser.post("/console/health/report", token=form)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment;filename="parlance-report')
    told = json.loads(answer.text)
    for hidden in (WORDS, SECRET, "Hunter2", "test:ann", str(tmp_path)):
        assert hidden not in answer.text, hidden
    assert told["rows"]["turns"] == 2
    assert told["versions"]["Python"]
    assert {one["what"]: one["ok"] for one in told["checks"]}["model default"] is True
    assert told["settings"]["channels"] == {"#1": {"file_over_chars": 99}}
    failed = next(one for one in told["log"] if one.get("error_id") == "ab12cd34")
    assert failed["event"] == "turn.failed"
    assert failed["seconds"] == 1.5
    assert failed["exception"][-1] == "BackendUnavailable"
    assert any("in fail" in line for line in failed["exception"])
    assert [one for one in told["errors"] if one.get("reason") == "BackendUnavailable"]


def test_of_a_sentence_addresses_paths_and_what_others_said_go() -> None:
    said = "sync of https://u:p@x.example/a?b=c: /srv/ann/x is gone; it said: my own words"
    assert redact_sentence(said) == "sync of … … is gone; it said something"
    assert redact_sentence("set it with /settings, and/or `make run`") == (
        "set it with /settings, and/or `make run`"
    )
    assert len(redact_sentence("x" * 5000)) == 300


def test_of_an_error_its_class_stays() -> None:
    assert redact_error("BackendUnavailable: words") == "BackendUnavailable"
    assert redact_error("backends.errors.BackendTimeout") == "BackendTimeout"
    assert redact_error("Secret: words") == ""
    assert redact_error("words that end in ValueError") == ""


def test_of_a_line_what_the_program_itself_wrote_stays() -> None:
    line = {
        "timestamp": "2026-01-02T03:04:05Z", "level": "error", "event": "turn.failed",
        "logger": "bot.turns.runner", "turn": "0123456789abcdef", "kind": "ask", "tokens": 3,
    }  # fmt: skip
    assert redact_line(line) == line
    assert (
        redact_line({"event": "Ann said hello", "turn": "ann", "person": "slack:U1", "Ann": 3})
        == {}
    )
    assert redact_line({"timestamp": "tomorrow", "level": "loud", "kind": "A word"}) == {}


def test_of_a_trace_where_it_went_stays() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        f'  File "{Path(__file__).parents[4]}/bot/app.py", line 7, in open_app\n'
        "    open(words)\n"
        '  File "/usr/x/site-packages/httpx/_client.py", line 12, in send\n'
        '  File "/srv/ann/plugin.py", line 3, in <module>\n'
        "ValueError: words"
    )
    assert redact_trace(trace) == [
        "bot/app.py:7 in open_app", "httpx/_client.py:12 in send", "plugin.py:3 in <module>",
        "ValueError",
    ]  # fmt: skip


def test_what_differs_from_the_usual_settings_is_told() -> None:
    assert redact_settings(Config()) == {}
    models = {
        "default": {"backend": "openai_compatible", "url": "http://x.example", "context": 512}
    }
    said = {
        "models": models,
        "embedder": "mine",
        "logging": {"level": "debug"},
        "version_check": True,
        "plugins": {"settings": {"dice": {"pin": 424242}}},
    }
    config = Config.model_validate(said)
    assert redact_settings(config) == {
        "models": {
            "default": {
                "inline": True,
                "replicas": [
                    {"backend": "openai_compatible", "options": {"url": "set", "context": 512}}
                ],
            }
        },
        "embedder": "set",
        "logging": {"level": "debug"},
        "version_check": True,
        "plugins": {"settings": "set"},
    }


def test_the_end_of_the_log_is_read_and_no_more(tmp_path: Path) -> None:
    lines = [json.dumps({"event": "a.b", "n": n}) + "\n" for n in range(10)]
    (tmp_path / "parlance.log.1").write_text("".join(lines[:6]), "utf-8")
    (tmp_path / "parlance.log").write_text("".join(lines[6:]), "utf-8")
    found = [one.said["n"] for one in read_last_lines(tmp_path, 6 * len(lines[0]) + 3)]
    assert found == [4, 5, 6, 7, 8, 9]
    assert read_last_lines(tmp_path / "none", MAX_LOG_BYTES) == []
