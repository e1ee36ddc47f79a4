"""Times in words: each sentence of `tests/golden/times.yaml`, and how requests are taken apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from bot.schedules.moments import PastTime, read_time
from bot.schedules.recurrence import latest, shortest_gap, upcoming
from bot.schedules.recurrence_words import recurrence_words
from bot.schedules.request import NothingToSay, split_request
from bot.schedules.time_phrase import NoTime
from bot.schedules.wording import time_words

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 3, 27, 10, 0, tzinfo=BERLIN)
SENTENCES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[3] / "golden" / "times.yaml").read_text("utf-8")
)
EVERY = [one for part in SENTENCES.values() for one in part]


def read(text: str, now: datetime = FRIDAY) -> str | None:
    try:
        when = read_time(text, now, "Europe/Berlin")
    except (NoTime, PastTime):
        return None
    return when.cron or f"{when.at.astimezone(BERLIN):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("said", EVERY, ids=[one["text"] for one in EVERY])
def test_a_sentence_says_what_it_says(said: dict[str, Any]) -> None:
    assert read(said["text"]) == (said.get("cron") or said.get("at"))


@pytest.mark.parametrize(
    "text",
    ["today at 10", "today at 9:59", "2026-03-27 09:00", "in 0 minutes", "01.03.2026 um 9 Uhr"],
)
def test_what_is_over_is_refused(text: str) -> None:
    with pytest.raises(PastTime):
        read_time(text, FRIDAY + timedelta(seconds=30), "Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Monday 3 April",
        "tomorrow Friday",
        "at 9 at 10",
        "30.02.2027",
        "3/4",
        "in 100000 days",
        "every 7 minutes",
        "tomorrow morning at 20:00",
        "1 2 3 4 99",
        "9" * 200,
        "in " * 5000,
        "१२ बजे",
    ],
)
def test_what_may_mean_something_else_is_no_time(text: str) -> None:
    with pytest.raises(NoTime):
        read_time(text, FRIDAY, "Europe/Berlin")


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31 23:59", "in 90000 hours"])
def test_what_lies_too_far_away_is_refused(text: str) -> None:
    with pytest.raises(PastTime):
        read_time(text, FRIDAY, "America/Los_Angeles")


def test_days_keep_the_time_of_the_clock_and_hours_do_not() -> None:
    night = datetime(2026, 3, 28, 20, 0, tzinfo=BERLIN)  # the clocks go forward at 2
    assert read("in 12 hours", night) == "2026-03-29 09:00"
    assert read("tomorrow at 8", night) == "2026-03-29 08:00"
    shown = time_words(read_time("tomorrow at 8", night, "Europe/Berlin").at, "Europe/Berlin")
    assert shown == "Sunday, 29 March 2026 at 08:00 (Europe/Berlin)"


def test_a_cron_line_holds_where_the_clocks_change() -> None:
    def local(times: list[datetime]) -> list[str]:
        return [f"{at.astimezone(BERLIN):%d.%m. %H:%M}" for at in times]

    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    gap = upcoming("30 2 * * *", "Europe/Berlin", before, 2)
    assert local(gap) == ["29.03. 03:00", "30.03. 02:30"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    fold = upcoming("30 2 * * *", "Europe/Berlin", autumn, 2)
    assert local(fold) == ["25.10. 02:30", "26.10. 02:30"]


@pytest.mark.parametrize(
    ("said", "number", "last"),
    [
        ("every other day at 2:30", 110, "+2 days"),
        ("every other Sunday at 2:30", 30, "+14 days"),
        ("every other month on the 29th at 2:30", 12, "+2 months"),
    ],
)
def test_a_pause_holds_where_the_clocks_change_and_over_the_years(
    said: str, number: int, last: str
) -> None:
    """By the clock of the place, whatever an hour or a day of it lasts; also read backwards."""
    cron = read_time(said, FRIDAY, "Europe/Berlin").cron
    times = upcoming(cron, "Europe/Berlin", FRIDAY, number)
    days = [at.astimezone(BERLIN).date() for at in times]
    steps = {(later - earlier).days for earlier, later in pairwise(days)}
    months = {(b.year - a.year) * 12 + b.month - a.month for a, b in pairwise(days)}
    if last == "+2 months":
        assert months == {2}
        assert {day.day for day in days} == {29}
    else:
        assert steps == {int(last.split()[0])}
    clocks = {f"{at.astimezone(BERLIN):%H:%M}" for at in times}
    assert clocks <= {"02:30", "03:00"}, "a time that is not there comes at the next that is"
    assert times == [latest(cron, "Europe/Berlin", at) for at in times]
    shifted = [latest(cron, "Europe/Berlin", at + timedelta(hours=30)) for at in times]
    assert shifted == times, "what was missed while down is the time before"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("every other Tuesday at 9", "Every second week on Tuesday at 09:00."),
        ("every second Tuesday", "Every second week on Tuesday at 09:00."),
        ("every second Tuesday of the month", "Each month on the second Tuesday at 09:00."),
        ("the last Friday of every month", "Each month on the last Friday at 09:00."),
        ("every other day at 8:05", "Every second day at 08:05."),
        ("every 3 weeks on Monday and Sunday", "Every 3 weeks on Monday and Sunday at 09:00."),
        ("every other month on the 3rd", "Every second month on day 3 at 09:00."),
        ("every Monday, Wednesday and Friday", "Every Monday, Wednesday and Friday at 09:00."),
        ("every day at 7", "Every day at 07:00."),
        ("every weekday at 7", "Every workday at 07:00."),
        ("every month on the 31st", "Each month on day 31 at 09:00."),
        ("every 30 minutes", "Every 30 minutes."),
        ("every hour", "Every hour."),
        ("every 6 hours", "Every 6 hours."),
        ("0 9 1 1 *", "By the line `0 9 1 1 *`."),
        ("0 9,17 * * *", "By the line `0 9,17 * * *`."),
        ("5 */7 * * *", "By the line `5 */7 * * *`."),
    ],
)
def test_a_recurrence_is_said_in_words(said: str, words: str) -> None:
    assert recurrence_words(read_time(said, FRIDAY, "Europe/Berlin").cron) == words


def test_the_shortest_gap_of_a_line() -> None:
    assert shortest_gap("0,5 9 * * *", "UTC", FRIDAY) == timedelta(minutes=5)
    assert shortest_gap("0 17 * * 5", "Europe/Berlin", FRIDAY) == timedelta(days=7, hours=-1)


@pytest.mark.parametrize(
    ("said", "whom", "text", "when"),
    [
        ("me tomorrow at 9 to call Bob", "me", "call Bob", "2026-03-28 09:00"),
        ("me to call Bob tomorrow at 9", "me", "call Bob", "2026-03-28 09:00"),
        ("#ops on Friday at 10 that it starts", "#ops", "it starts", "2026-04-03 10:00"),
        ("<#C123|ops> 3 April at 10 renew it", "#C123", "renew it", "2026-04-03 10:00"),
        ("here every weekday at 9: stand-up", "here", "stand-up", "0 9 * * 1-5"),
        ("call 3 people on Friday", "me", "call 3 people", "2026-04-03 09:00"),
        ("mich morgen um 9 Uhr an den Termin", "me", "den Termin", "2026-03-28 09:00"),
        ("Friday lunch tomorrow at 11", "me", "Friday lunch", "2026-03-28 11:00"),
        ("look at this at 5pm", "me", "look at this", "2026-03-27 17:00"),
        ("tomorrow at 9 the report is due", "me", "the report is due", "2026-03-28 09:00"),
        ("0 9 * * 1-5 stand-up", "me", "stand-up", "0 9 * * 1-5"),
        ("pay rent every month on the 3rd", "me", "pay rent", "0 9 3 * *"),
        ("uns jeden Montag um 9 an das Treffen", "here", "das Treffen", "0 9 * * 1"),
        ("moi demain à 9h de payer", "me", "payer", "2026-03-28 09:00"),
        ("mich morgen um 9 an die Milch denken", "me", "an die Milch denken", "2026-03-28 09:00"),
        ("明日の9時に牛乳を買う", "me", "牛乳を買う", "2026-03-28 09:00"),
        ("２０分後に電話する", "me", "電話する", "2026-03-27 10:20"),
        ("4月3日の10:00に会議", "me", "会議", "2026-04-03 10:00"),
        ("毎週金曜日の17:00に報告：を書く", "me", "報告：を書く", "0 17 * * 5"),
        ("午後3時半に歯医者", "me", "歯医者", "2026-03-27 15:30"),
        ("明後日の朝8時に出発", "me", "出発", "2026-03-29 08:00"),
        ("来週の水曜日の10時に会議", "me", "会議", "2026-04-01 10:00"),
        ("毎月3日の9時に家賃", "me", "家賃", "0 9 3 * *"),
        ("一時間半後に休憩", "me", "休憩", "2026-03-27 11:30"),
        ("平日の9時に朝会", "me", "朝会", "0 9 * * 1-5"),
        ("朝ごはんを作る 明日7時", "me", "朝ごはんを作る", "2026-03-28 07:00"),
        ("明日の9時に牛乳を買うことを知らせてください", "me", "牛乳を買う", "2026-03-28 09:00"),
        ("9:00に会議", "me", "会議", "2026-03-28 09:00"),
    ],
)
def test_a_request_is_taken_apart(said: str, whom: str, text: str, when: str) -> None:
    request = split_request(said, FRIDAY, "Europe/Berlin")
    at = request.when.cron or f"{request.when.at.astimezone(BERLIN):%Y-%m-%d %H:%M}"
    assert (request.whom, request.text, at) == (whom, text, when)


def test_a_request_without_a_time_or_without_words() -> None:
    for said in ("buy milk", "me", "", "milk " * 800, "日本に行く", "25時に何か", "0月3日に何か"):
        with pytest.raises(NoTime):
            split_request(said, FRIDAY, "Europe/Berlin")
    with pytest.raises(NothingToSay):
        split_request("me tomorrow at 9", FRIDAY, "Europe/Berlin")
    with pytest.raises(PastTime):
        split_request("me today at 8 to wake up", FRIDAY, "Europe/Berlin")
