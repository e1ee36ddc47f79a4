"""Removes secrets from whatever is shown, logged or stored.

Two kinds are known: the values of the operator's own variables, and whatever is shaped like a token
(`TOKEN_SHAPES`). A text that grows is redacted as it grows: its end is held back as long as it may
become a secret, so that no half of one is shown, and what was shown once never changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from bot.config.secrets import TOKEN_MARKS, TOKEN_SHAPES, find_token_start
from bot.types import Action, Actions, Explanation, File, Notice, Source, Sources, Status, Text

REDACTED: Final = "[secret]"

MAX_SHAPED_FILE_BYTES: Final = 1_000_000
"""Beyond it a file is looked through for what is known alone, which takes a tenth of the time."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of secret: what it looks like, and where the end of a text may be the beginning of
    one (else the text's length). `mark` is found quickly in any text that holds one."""

    mark: re.Pattern[str]
    pattern: re.Pattern[str]
    begins: Callable[[str], int]


_TOKEN_KIND = _Kind(TOKEN_MARKS, TOKEN_SHAPES, find_token_start)


class Redactor:
    """Takes secrets out of a text: those it knows, and whatever is shaped like one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        words = {form for secret in known if secret for form in _escaped_forms(secret)}
        self._forms = sorted(words, key=len, reverse=True)  # the longest first
        self._kinds = [_TOKEN_KIND]
        if words:
            pattern = re.compile("|".join(map(re.escape, self._forms)))
            self._kinds.insert(0, _Kind(pattern, pattern, self._form_begins))

    def __call__(self, text: str) -> str:
        for kind in self._kinds:
            if kind.mark.search(text):
                text = kind.pattern.sub(REDACTED, text)
        return text

    def growing(self) -> GrowingText:
        """Redacts a text of which more and more is known."""
        return GrowingText(self._kinds)

    def _form_begins(self, text: str) -> int:
        return min(_prefix_start(form, text) for form in self._forms)

    def part(self, part: P) -> P:
        """The same part of an answer, with no secret in anything of it that is read."""
        return self._redacted(part)  # type: ignore[no-any-return]

    # --- the parts of an answer -------------------------------------------------------------------

    def _redacted(self, part: Any) -> Any:
        match part:
            case Text(delta):
                return Text(self(delta))
            case Status():
                return replace(part, text=self(part.text))
            case Notice():
                actions = self._all(part.actions)
                return replace(
                    part, text=self(part.text), detail=self(part.detail), actions=actions
                )
            case Sources(items):
                return Sources(self._all(items))
            case Source():
                return replace(
                    part,
                    title=self(part.title),
                    location=self(part.location),
                    heading=self(part.heading),
                    passage=self(part.passage),
                    place=replace(part.place, sheet=self(part.place.sheet)),
                )
            case Actions(items):
                return Actions(self._all(items))
            case Action():
                return replace(part, label=self(part.label))
            case File():
                return self._file(part)
            case Explanation():
                return replace(
                    part,
                    passages=self._all(part.passages),
                    left_out=tuple(map(self, part.left_out)),
                    searched=tuple(map(self, part.searched)),
                    pointed=tuple(map(self, part.pointed)),
                    steps=tuple(map(self, part.steps)),
                )

    def _file(self, file: File) -> File:
        data = file.data
        if not file.content_type.startswith("text/"):
            return replace(file, name=self(file.name))
        if len(data) <= MAX_SHAPED_FILE_BYTES:
            text = data.decode("utf-8", "surrogateescape")
            data = self(text).encode("utf-8", "surrogateescape")
        else:
            for form in self._forms:
                data = data.replace(form.encode("utf-8", "surrogateescape"), REDACTED.encode())
        return replace(file, name=self(file.name), data=data)

    def _all(self, parts: tuple[P, ...]) -> tuple[P, ...]:
        return tuple(map(self.part, parts))


class GrowingText:
    """Redacts a text of which more and more is known; all in all it gives what `Redactor` gives.

    Costs what is added, and what is held back.
    """

    def __init__(self, kinds: Iterable[_Kind]) -> None:
        self._stages = [_Stage(kind) for kind in kinds]

    @property
    def held(self) -> bool:
        """Whether something of the text has not been given out yet."""
        return any(stage.held for stage in self._stages)

    def take(self, delta: str, *, whole: bool = False) -> str:
        """More of the text; returns what may be shown of it. `whole`: nothing follows."""
        for stage in self._stages:
            delta = stage.take(delta, whole=whole)
        return delta


@dataclass(slots=True)
class _Stage:
    kind: _Kind
    held: str = ""
    before: str = ""

    def take(self, delta: str, *, whole: bool) -> str:
        text = self.held + delta
        marked = self.kind.mark.search(text) is not None
        cut = len(text) if whole else self._safe(text, marked)
        self.held, text = text[cut:], text[:cut]
        shown = text
        if marked:
            # A shape looks at the character before it, which may have been given out already.
            shown = self.kind.pattern.sub(REDACTED, self.before + text)[len(self.before) :]
        self.before = text[-1:] or self.before
        return shown

    def _safe(self, text: str, marked: bool) -> int:
        """How much of the text may be redacted now, whatever follows."""
        cut = self.kind.begins(text)
        for found in self.kind.pattern.finditer(text) if marked else ():
            if found.start() < cut < found.end():  # what seems to begin is a part of a whole one
                cut = found.end() + self.kind.begins(text[found.end() :])
        return cut


def _escaped_forms(secret: str) -> set[str]:
    """A secret as it may stand in a line: Python and JSON, and one within the other, escape it."""
    plain = {secret, repr(secret)[1:-1]}
    return plain | {
        json.dumps(form, ensure_ascii=plainly)[1:-1] for form in plain for plainly in (False, True)
    }


def _prefix_start(word: str, text: str) -> int:
    """Where the text's end is the beginning of a word; the text's length where it is not."""
    at = text.find(word[0], max(0, len(text) - len(word) + 1))
    while at >= 0 and not word.startswith(text[at:]):
        at = text.find(word[0], at + 1)
    return at if at >= 0 else len(text)
