"""The log: readable or JSON, with the turn's id, without secrets and without anybody's words."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.config import LoggingSettings
from bot.observability.logs import configure
from bot.observability.redaction import REDACTED, Redactor

SLACK_TOKEN = "xoxb-" + "1234567890-abcdefghij"
DISCORD_TOKEN = "M" + "Tk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs"
SECRET = 'p"ss\\wörd-1'


def set_up(
    form: Literal["auto", "console", "json"] = "json",
    level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    configure(LoggingSettings(format=form, level=level), {SECRET, "hunter2hunter2"})


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_has_the_event_the_level_the_logger_and_the_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up()
    structlog.get_logger("bot.turns.intake").info("turn.started", kind="ask", n=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "turn.started",
        "kind": "ask",
        "n": 3,
        "level": "info",
        "logger": "bot.turns.intake",
    }


async def test_the_turn_id_is_in_every_line_of_its_own_task_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up()

    async def turn(name: str) -> None:
        with structlog.contextvars.bound_contextvars(turn=name):
            structlog.get_logger("ours").info("one", of=name)
            await asyncio.sleep(0)
            logging.getLogger("theirs").warning("two of %s", name)

    await asyncio.gather(turn("t1"), turn("t2"))
    structlog.get_logger("ours").info("outside")
    found = lines(capsys)
    assert [line.get("turn") for line in found] == ["t1", "t2", "t1", "t2", None]
    assert found[2]["event"] == "two of t1"


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(level="warning")
    structlog.get_logger("ours").info("no")
    logging.getLogger("theirs").info("no")
    structlog.get_logger("ours").warning("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes"]


def test_libraries_that_talk_much_are_heard_from_warning_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up()
    logging.getLogger("httpx").info("GET http://127.0.0.1/")
    logging.getLogger("httpx").warning("slow")
    assert [line["event"] for line in lines(capsys)] == ["slow"]


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("console")
    structlog.get_logger("ours").warning("model is cold", model="tiny")
    line = capsys.readouterr().err
    assert "model is cold" in line
    assert "model=tiny" in line
    assert not line.lstrip().startswith("{")


def test_auto_is_json_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("auto")
    structlog.get_logger("ours").warning("x")
    assert lines(capsys)[0]["event"] == "x"


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("secret", [SLACK_TOKEN, DISCORD_TOKEN, SECRET, "hunter2hunter2"])
def test_no_secret_in_any_place_of_a_line(
    capsys: pytest.CaptureFixture[str], form: Literal["console", "json"], secret: str
) -> None:
    set_up(form)
    log = structlog.get_logger("ours")
    log.warning(f"event {secret}", value=secret, nested={"deep": [secret]})
    logging.getLogger("theirs").warning("args %s", secret, extra={"more": secret})
    try:
        raise ValueError(f"could not log in with {secret}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("theirs").exception("failed")
    written = capsys.readouterr().err
    for shape in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert shape not in written
    assert written.count(REDACTED) >= 6


def test_what_people_said_is_not_logged_from_info_on(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(level="debug")
    log = structlog.get_logger("ours")
    log.info("asked", text="my diary", prompt="my other diary")
    log.debug("asked", text="my diary")
    first, second = lines(capsys)
    assert "diary" not in json.dumps(first)
    assert (first["text_chars"], first["prompt_chars"]) == (8, 14)
    assert second["text"] == "my diary"


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no word of this")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_value_that_cannot_be_shown_ends_nobodys_work(
    capsys: pytest.CaptureFixture[str], form: Literal["console", "json"]
) -> None:
    set_up(form)
    structlog.get_logger("ours").warning("odd", value=Unshowable())
    logging.getLogger("theirs").warning("odd", extra={"value": Unshowable()})
    structlog.get_logger("ours").warning("even")
    written = capsys.readouterr().err
    assert "log.line_failed" in written
    assert "even" in written
    assert "no word of this" not in written


def test_the_work_goes_on_where_nobody_reads_the_log() -> None:
    code = (
        "import sys, structlog\nfrom bot.observability.logs import configure\nconfigure()\n"
        "log = structlog.get_logger('m')\nsys.stderr.close()\nlog.info('closed')\n"
        "sys.stderr = None\nlog.info('gone')\nprint('on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    assert done.stdout == "on\n"


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("console")
    set_up("json")
    structlog.get_logger("ours").info("once")
    assert len(lines(capsys)) == 1


def test_a_traceback_has_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("console")
    local_word = "swordfish" * 2
    try:
        raise ValueError(str(len(local_word)))
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    written = capsys.readouterr().err
    assert "Traceback" in written
    assert "swordfishswordfish" not in written


def test_it_stands_in_a_process_of_its_own() -> None:
    code = (
        "import structlog\nfrom bot.observability.logs import configure\nconfigure()\n"
        "structlog.get_logger('m').info('hello')\nstructlog.get_logger('m').debug('no')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"] == "hello"


class TestRedactor:
    @given(st.text(min_size=6, max_size=40), st.text(max_size=40), st.text(max_size=40))
    def test_a_known_secret_is_gone_from_any_text(self, secret: str, a: str, b: str) -> None:
        # A secret that is itself part of the word put in its place cannot be told apart from it.
        if secret in REDACTED:
            return
        assert secret not in Redactor({secret})(a + secret + b).replace(REDACTED, "\0")

    def test_the_longest_secret_goes_first(self) -> None:
        assert Redactor({"abcdef", "abcdefgh"})("abcdefgh") == REDACTED

    def test_plain_text_is_left_alone(self) -> None:
        text = "Fetched https://example.org:8080/a@b in 3.2 s; sha256 b179c9523d0e6a0f98a330c75"
        assert Redactor({"hunter2hunter2"})(text) == text

    def test_credentials_in_an_address(self) -> None:
        assert Redactor()("at http://me:pw@host/x") == f"at http://{REDACTED}@host/x"
