"""`parlance docs eval make`: real questions as a file that a person completes for `docs eval`."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.control_characters import escape_controls
from bot.errors import Failed, UsageError
from bot.history.asked_questions import AskedQuestion
from bot.knowledge.retrieval.golden import UNKNOWN_DOCUMENTS

_DIRECT_MESSAGE = re.compile(r"[^:]+:(?:@me:|[^:]*:D[A-Z0-9])")
"""How the keys of direct messages begin, on any platform that ships."""
_PERSONAL = (
    (re.compile(r"<[@#!][^>\s]{1,80}>"), "[person]"),
    (re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}\.[^\W\d_]{2,20}"), "[e-mail]"),
    (re.compile(r"(?:https?|ftp)://\S+", re.I), "[link]"),
    (re.compile(r"(?<!\w)@[\w.-]{2,40}"), "[person]"),
    (re.compile(r"(?<!\w)\+?\d(?:[ ()/.-]{0,2}\d){6,20}(?!\w)"), "[number]"),
)
"""What is told to be personal by its form; names in plain words are not."""
_MAX_QUESTION_CHARACTERS = 500
_REASONS = {"unanswered": "unanswered", "unsure": "not sure", "disliked": "thumbs down"}
_HEAD = """\
# Questions that people asked, for `parlance docs eval`.
# Read them through, and take out what is about a person or should not be kept. For each question
# that stays name the documents that answer it, or write none where none does.
questions:
"""


def is_direct_message(conversation: str) -> bool:
    """Whether a conversation is one between a person and the bot alone, by its key."""
    return _DIRECT_MESSAGE.match(conversation) is not None


def redactor(redact_secrets: Callable[[str], str]) -> Callable[[str], str]:
    """Makes a function that takes secrets, addresses, mentions and long numbers out of a text."""

    def redact(text: str) -> str:
        text = redact_secrets(text)[:_MAX_QUESTION_CHARACTERS]
        for pattern, word in _PERSONAL:
            text = pattern.sub(word, text)
        return text

    return redact


def to_golden_file(questions: Sequence[AskedQuestion]) -> str:
    """The text of the file: each question with why it is here and what was shown."""
    return _HEAD + "".join(map(_entry, questions))


def _entry(asked: AskedQuestion) -> str:
    often = f", asked {asked.times} times" if asked.times > 1 else ""
    shown = "; ".join(asked.documents)
    why = f"{_REASONS[asked.reason]}{often}" + (f"; shown: {shown}" if shown else "")
    return (
        f"  # {' '.join(escape_controls(why).split())}\n"
        f"  - question: {json.dumps(asked.text, ensure_ascii=False)}\n"
        f'    documents: "{UNKNOWN_DOCUMENTS}"\n'
    )


def write_new_file(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole or not at all, for its owner alone. Raises `UsageError` where it is there
    already, unless `force`, and `Failed` where it cannot be written."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            if force:
                os.replace(name, path)
            else:
                os.link(name, path)  # fails where there is one, also since we looked
        finally:
            Path(name).unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} is there already; --force writes it anew.") from None
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise Failed(f"{path} cannot be written: {reason}.") from error
