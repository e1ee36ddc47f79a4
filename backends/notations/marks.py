"""The marks that the reader of answers looks for, and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from backends.notations.calls import ARGUMENT_KEYS, NAME_KEYS, NO_CALL_NAMES
from backends.notations.thoughts import TAG_WITH_ATTRIBUTES_PATTERN, THINKING_TAGS

CALL_MARKS: Final[Mapping[str, str]] = {
    "<tool_call>": "</tool_call>",
    "<function=": "</function>",
    "[TOOL_CALLS]": "",
    "<|tool_call|>": "<|/tool_call|>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<|START_ACTION|>": "<|END_ACTION|>",
    "<｜tool▁calls▁begin｜>": "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>": "<｜tool▁calls▁end｜>",
    "<|python_tag|>": "",
    "<|python_start|>": "<|python_end|>",
}
"""What opens calls, and what ends them; "" is the end of the answer. Some models leave out the
outer of two marks."""

CALL_MARKS_OF_BODY: Final = frozenset({"<function=", "<｜tool▁call▁begin｜>"})
"""Those that are themselves a part of what is read as a call."""

ACTION_WORD: Final = "Action:"
"""What Command-R writes on the line before the JSON of its calls."""

MESSAGE_MARK: Final = "<|message|>"
MESSAGE_START_MARKS: Final = ("<|start|>", "<|channel|>")
MESSAGE_END_MARKS: Final = ("<|end|>", "<|return|>", "<|call|>")
RECIPIENT_MARK: Final = "to=functions."
"""Harmony's: a header, which says the channel and to whom, stands between a start and
`<|message|>`. An answer may begin within a header, with its recipient."""

_SILENT_MARKS: Final = (
    *("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
    *MESSAGE_END_MARKS,
)
"""Marks around text that nobody is to see."""

_LEFTOVER_MARKS: Final = tuple(filter(None, CALL_MARKS.values()))
"""Marks that stand alone only behind a call whose opening mark was left out."""

OUTPUT_MARKS: Final = frozenset(
    {
        *(tag.strip() for tags in THINKING_TAGS for tag in tags),
        *("<|channel>", "<channel|>", "[ARGS]", "[CALL_ID]", "<|constrain|>", MESSAGE_MARK),
        *("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
        *("<｜tool▁call▁end｜>", "<｜tool▁sep｜>"),
        *(mark for marks in CALL_MARKS.items() for mark in marks if mark),
        *(*_SILENT_MARKS, *MESSAGE_START_MARKS),
    }
)
"""Control tokens that are part of what a model says: without them its text could not be read."""

_OPEN_TAGS = tuple(tag for tag, _ in THINKING_TAGS)
_CLOSE_TAGS = tuple(tag for _, tag in THINKING_TAGS)
_TEXT_MARKS = (
    *_OPEN_TAGS,
    *_CLOSE_TAGS,
    *_SILENT_MARKS,
    *_LEFTOVER_MARKS,
    *MESSAGE_START_MARKS,
    *CALL_MARKS,
)


def any_of(marks: Collection[str]) -> str:
    """Return a pattern of any of the marks, the longest first."""
    return "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))


TEXT_MARKS_PATTERN: Final = re.compile(
    rf"(?P<open>{TAG_WITH_ATTRIBUTES_PATTERN}>|{any_of(_OPEN_TAGS)})"
    rf"|(?P<close>{any_of(_CLOSE_TAGS)})"
    rf"|(?P<header>{any_of(MESSAGE_START_MARKS)}|{RECIPIENT_MARK})"
    rf"|(?P<call>{any_of(CALL_MARKS)})"
    rf"|(?P<silent>{any_of(_SILENT_MARKS)})"
    rf"|(?P<leftover>{any_of(_LEFTOVER_MARKS)})"
    rf"|(?P<fence>```|{ACTION_WORD})|(?P<bare>[\[{{])"
)
CLOSE_TAGS_PATTERN: Final = re.compile(any_of(_CLOSE_TAGS))

_MARK_START_PATTERN = re.compile(r"[<\[◁][^<\[◁]*\Z")
_PARTIAL_TAG_PATTERN = re.compile(rf"{TAG_WITH_ATTRIBUTES_PATTERN}\Z")
_PARTIAL_FENCE_PATTERN = re.compile(r"(?<!`)`{1,2}\Z")
LONGEST_MARK_CHARACTERS = max(map(len, _TEXT_MARKS)) + 160


def undecided_length(text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a mark."""
    end = text[-LONGEST_MARK_CHARACTERS:]
    found = _MARK_START_PATTERN.search(end)
    if found is None or not may_become_mark(found[0]):
        found = _PARTIAL_FENCE_PATTERN.search(end)
    return len(found[0]) if found else 0


def may_become_mark(text: str) -> bool:
    """Whether a text is the beginning of a mark."""
    return bool(_PARTIAL_TAG_PATTERN.match(text)) or any(
        mark.startswith(text) for mark in _TEXT_MARKS
    )


_BODY_START_PATTERN = re.compile(
    r"""\s*+(?:[\[{<`"']|[\w.:/-]*+(?:\n|\s*+(?:\Z|[<>\[(])))""", re.ASCII
)


def may_become_body(text: str) -> bool:
    """Whether what follows an opening mark may be a call."""
    return bool(_BODY_START_PATTERN.match(text[:256]))


_HEAD_PATTERN = re.compile(r"\s*(\[?)\s*(\{?)\s*")
_WORD_PATTERN = re.compile(r"[\w.:/-]*")
_VALUE_PATTERN = re.compile(r"\s*(:?)\s*")


def may_become_bare_call(text: str, offered: Collection[str]) -> bool | None:
    """Whether a text that begins with a bracket may be a call of an offered tool; None where it
    is too short to tell.
    """
    head = _HEAD_PATTERN.match(text)
    assert head is not None
    rest = text[head.end() :]
    if not rest:
        return None
    if not head[2]:
        word = _WORD_PATTERN.match(rest)
        assert word is not None
        return _is_name(word[0], offered, ended=rest[word.end() :].lstrip()[:1], by="(")
    if rest[0] not in "\"'":
        return False
    key, closed, after = rest[1:].partition(rest[0])
    if not closed:
        return None if any(each.startswith(key) for each in _FIRST_KEYS) else False
    if key not in _FIRST_KEYS:
        return False
    value = _VALUE_PATTERN.match(after)
    assert value is not None
    said = after[value.end() :]
    if not said or not value[1]:
        return None if not said else False
    if key in ARGUMENT_KEYS or key == "tool_call_id" or said[0] == "{":
        return True
    names = {"function"} if key == "type" else {*offered, *NO_CALL_NAMES}
    name, ended, _ = said[1:].partition(said[0])
    return said[0] in "\"'" and _is_name(name, names, ended=ended, by=ended or " ")


_FIRST_KEYS = (*NAME_KEYS, *ARGUMENT_KEYS, "type", "tool_call_id")


def _is_name(name: str, offered: Collection[str], *, ended: str, by: str) -> bool | None:
    if not ended:
        return None if any(each.startswith(name) for each in offered) else False
    return ended == by and name in offered
