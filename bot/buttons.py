"""What the buttons under an answer do, apart from Stop and Regenerate.

Everything is read from the store, so that a button works after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.base import Usage
from bot.errors import NotFound
from bot.history.material import KeptFile, KeptQuote, Material
from bot.history.store import HistoryStore, Turn, Verdict
from bot.types import ActionCall, ConversationKey, Explanation, Notice, Source

_VERDICTS: dict[str, tuple[Verdict, str]] = {
    "good": ("good", "Thank you; noted that this answer was good."),
    "bad": ("bad", "Thank you; noted that this answer was not good."),
    "wrong": ("wrong", "Thank you; noted that this passage is wrong, for an admin to look at."),
    "outdated": (
        "outdated",
        "Thank you; noted that this passage is outdated, for an admin to look at.",
    ),
}
_PASSAGE_SHOWN = 3_000
_QUOTE_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Buttons:
    """Answers the presses of people."""

    store: HistoryStore

    async def answer(self, call: ActionCall) -> Turn:
        """The stored answer that a button belongs to.

        Raises `NotFound` for one that is gone, or of another workspace.
        """
        turn = await self.store.get(call.turn)
        if turn is None or turn.role != "assistant" or not _same_place(turn, call):
            raise NotFound("This answer is no longer known here; please ask again.")
        return turn

    async def press(self, call: ActionCall) -> Notice:
        """Do what the button says, and tell the person. Raises `NotFound`."""
        turn = await self.answer(call)
        if call.action in _VERDICTS:
            verdict, thanks = _VERDICTS[call.action]
            await self.store.feedback(turn.id, call.author.key, verdict, call.value)
            return Notice(thanks, private=True)
        if call.action == "source":
            return Notice(_passage(turn.explanation, call.value), private=True)
        material = await self.store.material(turn.answers) if turn.answers else None
        return Notice(explain(turn, material), private=True)


def explain(turn: Turn, material: Material | None = None) -> str:
    """Why an answer is as it is, as Markdown: model, turns, what was read with the question,
    passages, what was left out, times."""
    why = turn.explanation or Explanation()
    lines = [f"**Model**: {turn.model or why.model or 'none was asked'}"]
    if why.turns_used or why.turns_left_out:
        left = f", {why.turns_left_out} older ones left out" if why.turns_left_out else ""
        lines.append(f"**Conversation**: {why.turns_used} earlier turns used{left}")
    if material:
        lines.append("**Read with the question**:")
        lines += _read_with(material)
    if why.searched:
        lines.append(f"**Searched for**: {'; '.join(f'“{_short(one)}”' for one in why.searched)}")
    if why.passages:
        lines.append("**Passages**:")
        lines += [f"- {_title(source)}" for source in why.passages]
    if why.left_out:
        lines.append(f"**Left out**: {'; '.join(why.left_out)}")
    if (usage := turn.usage or why.usage) is not None:
        lines.append(f"**Times**: {_times(usage)}")
        cached = f" ({usage.cached_tokens:,} from the cache)" if usage.cached_tokens else ""
        lines.append(
            f"**Tokens**: {usage.prompt_tokens:,} read{cached}, {usage.completion_tokens:,} written"
        )
    return "\n".join(lines)


def _read_with(material: Material) -> Iterator[str]:
    for quote in (*([material.target] if material.target else []), *material.quotes):
        if quote.text.strip():
            yield f"- {_said_by(quote)}: “{_short(quote.text)}”"
        yield from map(_file, quote.files)
    yield from map(_file, material.files)


def _said_by(quote: KeptQuote) -> str:
    return "my own words" if quote.from_us else " ".join(quote.author.split())


def _file(file: KeptFile) -> str:
    cut = ", of which only the beginning is kept" if file.cut else ""
    return f"- {file.name} ({len(file.text):,} characters{cut}): “{_short(file.text)}”"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE_SHOWN else line[:_QUOTE_SHOWN] + "…"


def _times(usage: Usage) -> str:
    steps = (
        ("waiting", usage.queue_s),
        ("loading the model", usage.load_s),
        ("reading", usage.prefill_s),
        ("writing", usage.decode_s),
    )
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps if seconds) or "none"


def _title(source: Source) -> str:
    heading = f" › {source.heading}" if source.heading else ""
    score = f" ({source.score:.2f})" if source.score is not None else ""
    return f"[{source.number}] {source.title}{heading}{score}"


def _passage(why: Explanation | None, value: str) -> str:
    for source in why.passages if why is not None else ():
        if value in {str(source.number), source.document}:
            text = source.passage[:_PASSAGE_SHOWN] or "The passage was not kept."
            quoted = "\n".join(f"> {line}" for line in text.splitlines())
            return f"**{_title(source)}**\n{source.location}\n\n{quoted}"
    raise NotFound("This source is no longer kept with the answer; please ask again.")


def _same_place(turn: Turn, call: ActionCall) -> bool:
    """A turn's id is no secret within a workspace, and nothing to another."""
    try:
        key = ConversationKey.parse(turn.conversation)
    except ValueError:
        return False
    return key.scope("workspace") == call.conversation.scope("workspace")
