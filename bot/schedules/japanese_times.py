"""Puts a time in Japanese into English words, which the grammar of times reads.

Japanese is written without spaces, so the words of a time are looked for at the beginning of a
text, or behind its last space: 明日の9時に牛乳を買う becomes `tomorrow 09:00 牛乳を買う`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_WIDE: Final = str.maketrans("０１２３４５６７８９：　", "0123456789: ")
_KANJI: Final[Mapping[str, int]] = {
    digit: value for value, digit in enumerate("一二三四五六七八九十", 1)
}
_NUMBER: Final = r"(\d{1,4}|[一二三四五六七八九十])"
_UNITS: Final[Mapping[str, str]] = {
    "分": "minutes", "時間": "hours", "日": "days", "週間": "weeks", "週": "weeks",
    "か月": "months", "ヶ月": "months", "カ月": "months", "ケ月": "months", "ヵ月": "months",
}  # fmt: skip
_UNIT: Final = "(分|時間|日|週間|週|[かヶカケヵ]月)"
_WEEKDAYS: Final[Mapping[str, str]] = dict(
    zip(
        "月火水木金土日",
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        strict=True,
    )
)
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WORDS: Final[Mapping[str, str]] = {
    "明後日": "day after tomorrow", "あさって": "day after tomorrow",
    "明日": "tomorrow", "あした": "tomorrow", "あす": "tomorrow",
    "今日": "today", "きょう": "today", "本日": "today",
    "今夜": "tonight", "今晩": "tonight",
    "毎日": "every day", "毎朝": "every morning", "毎晩": "every evening", "毎時": "hourly",
    "毎週": "every week", "毎月": "every month", "平日": "every workday",
    "来週": "next week", "来月": "next month", "正午": "12:00",
}  # fmt: skip
_DAY_PARTS: Final[Mapping[str, str]] = {
    "午前": "morning", "午後": "afternoon", "朝": "morning", "お昼": "noon", "昼": "noon",
    "夕方": "evening", "夜": "evening", "晩": "evening",
}  # fmt: skip
"""They say something of a day that is named before them; alone, they begin a word: 朝ごはん."""
_AFTER_NOON: Final = frozenset({"午後", "夕方", "夜", "晩", "昼", "お昼"})
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_PARTICLES = re.compile(r"[の、,\s]{0,4}")
_LAST_PARTICLES = re.compile(r"(?:までに|ごろに?|頃に?|から)?[にはで、,:\s]{0,4}")
_ASKING = re.compile(
    r"(?:こと)?[をとってに]{0,3}(?:リマインドして|知らせて|教えて|思い出させて|伝えて)"
    r"(?:ください|下さい)?[。!！]?$"
)
_MAX_TOKENS: Final = 8


def _number(text: str) -> int:
    return _KANJI.get(text) or int(text)


def _clock(found: re.Match[str]) -> str:
    half_day, hour, minute = found[1] or "", _number(found[2]), found[3] or ""
    if half_day in _AFTER_NOON and 0 < hour < 12:
        hour += 12
    return f"{hour:02}:{30 if minute == '半' else int(minute.rstrip('分') or 0):02}"


def _month_and_day(found: re.Match[str]) -> str:
    month = _number(found[2])
    named = _MONTHS[month - 1] if 0 < month <= len(_MONTHS) else str(month)
    return f"{_number(found[3])} {named} {found[1] or ''}".strip()


def _after(found: re.Match[str]) -> str:
    number, unit = _number(found[1]), _UNITS[found[2]]
    if found[3] and unit == "hours":
        return f"in {number * 60 + 30} minutes"
    return f"in {number} {unit}"


_BEFORE_WEEKDAY: Final[Mapping[str, str]] = {
    "毎週": "every",
    "来週": "next week",
    "今週": "this",
    "今度": "next",
}


def _day_of_month(found: re.Match[str]) -> str:
    return f"{_WORDS[found[1]]} on the {found[2]}th"


def _weekday(found: re.Match[str]) -> str:
    return f"{_BEFORE_WEEKDAY.get(found[1] or '', '')} {_WEEKDAYS[found[2]]}".strip()


def _every(found: re.Match[str]) -> str:
    return f"every {_number(found[1])} {_UNITS[found[2]]}"


_TOKENS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(rf"{_NUMBER}{_UNIT}(半)?後"), _after),
    (re.compile(rf"{_NUMBER}{_UNIT}(?:ごと|おき|毎)"), _every),
    (re.compile(rf"(?:(\d{{4}})年)?{_NUMBER}月{_NUMBER}日"), _month_and_day),
    (
        re.compile(
            rf"(午前|午後|朝|お?昼|夕方|夜|晩)?の?{_NUMBER}(?:時(?!間)|:)(半|\d{{1,2}}分?)?"
        ),
        _clock,
    ),
    (re.compile(r"(毎週|来週|今週|今度)?の?([月火水木金土日])曜日?"), _weekday),
    (re.compile(r"(毎月|来月)の?(\d{1,2})日"), _day_of_month),
    (re.compile("|".join(sorted(_WORDS, key=len, reverse=True))), lambda found: _WORDS[found[0]]),
)
_DAY_PART: Final = re.compile("|".join(_DAY_PARTS))


def put_into_english(text: str) -> str:
    """A text whose time in Japanese is in English words, apart from what is beside it; the text
    itself where there is none at its beginning or behind its last space."""
    if _JAPANESE.search(text) is None:
        return text
    plain = text.translate(_WIDE)
    said, end = _read(plain, 0)
    if said:
        after = _LAST_PARTICLES.match(plain, end)
        rest = text[after.end() if after is not None else end :]
        return f"{said} {_ASKING.sub('', rest)}".strip()
    begin = plain.rfind(" ") + 1
    said, end = _read(plain, begin) if begin else ("", 0)
    if said and _LAST_PARTICLES.fullmatch(plain, end):
        return f"{text[:begin]}{said}"
    return text


def _read(text: str, at: int) -> tuple[str, int]:
    """The words of a time from a place on, in English, and where they end."""
    said: list[str] = []
    while len(said) < _MAX_TOKENS:
        begin = at
        if said and (between := _PARTICLES.match(text, at)) is not None:
            begin = between.end()
        part = _DAY_PART.match(text, begin) if said else None
        for pattern, put in _TOKENS:
            if (found := pattern.match(text, begin)) is not None:
                said.append(put(found))
                at = found.end()
                break
        else:
            if part is None:
                break
            said.append(_DAY_PARTS[part[0]])
            at = part.end()
    return " ".join(said), at
