"""Questions with known answers, as `parlance docs eval` reads them from a file.

questions = load_golden(Path("golden.yaml"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from bot.errors import UsageError

UNKNOWN_DOCUMENTS = "?"
"""Stands in a file for documents that a person has still to name."""

Kind = Literal["answerable", "near", "far"]


@dataclass(frozen=True, slots=True)
class Golden:
    """A question, the names of the documents that answer it (none: it has no answer there), and
    which half of the set it is in: "tuning", "test" or "". `before` are the questions that were
    asked earlier in the conversation. `far`: what it asks has nothing to do with the documents.
    `answer` are the words of the first document that answer it; "" where that is not known."""

    question: str
    documents: tuple[str, ...]
    half: str = ""
    before: tuple[str, ...] = ()
    language: str = ""
    far: bool = False
    answer: str = ""

    @property
    def kind(self) -> Kind:
        """Whether it has an answer, and how near to the documents it is if not."""
        return "answerable" if self.documents else "far" if self.far else "near"


def load_golden(path: Path, *, half: str = "") -> list[Golden]:
    """Reads a golden file; `half` keeps only "tuning" or "test". Raises `UsageError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        reason = (exc.strerror or "it is not a file").lower()
        raise UsageError(f"{path} cannot be read: {reason}.") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(
            f"{path} is not YAML{line}; put quotes around a question that has a sign in it."
        ) from exc
    entries = content.get("questions") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path} has no list named questions; see docs/knowledge.md.")
    found = [_parse_golden(path, number, entry) for number, entry in enumerate(entries, 1)]
    return [golden for golden in found if half in ("", golden.half)]


_KEYS = frozenset(
    {"question", "documents", "half", "language", "before", "kind", "answer", "subject"}
)


def _parse_golden(path: Path, number: int, entry: Any) -> Golden:
    where = f"{path}, question {number}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("question"), str):
        raise UsageError(f"{where}: a question needs the keys question and documents.")
    unknown = set(entry) - _KEYS
    if unknown:
        raise UsageError(f"{where}: there is no key {sorted(map(str, unknown))[0]!r}.")
    names = entry.get("documents")
    if names in (None, "none", []):
        names = []
    if isinstance(names, str):
        names = [names]
    if names == [UNKNOWN_DOCUMENTS]:
        raise UsageError(
            f"{where}: its documents are not named yet; write their names, or none, or take the "
            "question out."
        )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{where}: documents is a list of names, or none.")
    before = entry.get("before", [])
    if not isinstance(before, list) or not all(isinstance(one, str) for one in before):
        raise UsageError(f"{where}: before is a list of questions, the last of them last.")
    kind = entry.get("kind", "answerable" if names else "near")
    if kind not in (("answerable",) if names else ("near", "far")):
        raise UsageError(f"{where}: kind is answerable, or near or far where documents is none.")
    return Golden(
        entry["question"],
        tuple(names),
        str(entry.get("half", "")),
        tuple(before),
        str(entry.get("language", "")),
        kind == "far",
        str(entry.get("answer", "")),
    )
