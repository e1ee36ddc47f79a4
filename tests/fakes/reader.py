"""A scripted model that reads passages and knows the truth: what it gets wrong, something around
it did."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from backends.base import COPIES_NOTHING, ChatRequest

_QUESTION = re.compile(r"\nQuestion: ([^\n]*(?:\n.*)?)\Z", re.DOTALL)
_POINTED = re.compile(r"<words-(\w+)>\n(.*?)\n</words-\1> (\[\d+\])", re.DOTALL)
_SENTENCES = re.compile(r"<sentences-(\w+)>\n(.*?)\n</sentences-\1>", re.DOTALL)
_WORD = re.compile(r"\w+")


@dataclass
class TruthfulReader:
    """Gives a `ScriptedBackend` its answers. `truth` has the words of a document that answer a
    question; of any other question nothing is known. It points to them where a passage has them,
    whatever marks and white space stand between, and answers with what was pointed to. `false` are
    sentences that no passage says, however near they come."""

    truth: Mapping[str, str] = field(default_factory=dict)
    false: Collection[str] = ()

    def __call__(self, request: ChatRequest) -> str:
        said = request.messages[-1].content
        if pointed := _POINTED.findall(said):
            return " ".join(f"{words} {number}." for _, words, number in pointed)
        if checked := _SENTENCES.search(said):
            sentences = [one.partition(". ")[2] for one in checked[2].splitlines()]
            return json.dumps({"said": [one not in self.false for one in sentences]})
        question = _question(said)
        texts = request.sampling.copy_from or (said,)
        found = find_words(self.truth.get(question, ""), texts)
        if request.sampling.json_schema is not None:
            return json.dumps({"quotes": found})
        return "\n".join(found) or COPIES_NOTHING


def find_words(words: str, texts: Sequence[str]) -> list[str]:
    """The lines of the first text that has these words, from the first to the last of them."""
    if not words:
        return []
    pattern = re.compile(r"[\W_]*".join(map(re.escape, _WORD.findall(words))))
    match = next(filter(None, map(pattern.search, texts)), None)
    return [line.strip() for line in match[0].splitlines() if line.strip()] if match else []


def _question(said: str) -> str:
    found = _QUESTION.search(said)
    return found[1].strip() if found else ""
