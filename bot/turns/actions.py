"""Handles the buttons under an answer, except Stop and Regenerate.

Everything is read from the history, so that a button still works after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from backends.base import Usage
from bot.commands.authorization import UNKNOWN_ANSWER, Authorize, Subject
from bot.commands.checks import ALLOWED, Asker, Decision
from bot.errors import Denied, NotFound
from bot.events import ActionCall
from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.protocol import HistoryStore, StoredMessage, Verdict
from bot.types import Action, ConversationKey, Explanation, Notice, Source

_VERDICTS: dict[str, tuple[Verdict, str]] = {
    "good": ("good", "Thank you; noted that this answer was good."),
    "bad": ("bad", "Thank you; noted that this answer was not good."),
    "wrong": ("wrong", "Thank you; noted that this passage is wrong, for an admin to look at."),
    "outdated": (
        "outdated",
        "Thank you; noted that this passage is outdated, for an admin to look at.",
    ),
}
_MAX_PASSAGE_CHARACTERS = 3_000
_ANSWER_SEPARATOR = "@"
"""Separates the number of a source from the id of its answer in a button's value."""
_MAX_QUOTE_CHARACTERS = 300
_MAX_SOURCE_BUTTONS = 8
"""Most passages that have a button in an explanation, which lists them all."""


@dataclass(frozen=True, slots=True)
class ButtonHandler:
    """Looks up the answer that a pressed button belongs to, and does what the button says."""

    store: HistoryStore
    authorize: Authorize

    async def find(
        self, call: ActionCall, asker: Asker
    ) -> tuple[StoredMessage, StoredMessage | None]:
        """Return the stored answer that a button belongs to, and its question if that is kept.

        A button beside a displayed passage carries the answer's id in its value. Raises `NotFound`
        if the answer is no longer stored, `Denied` if the person may not use the button.
        """
        turn = await self.store.get(call.value.partition(_ANSWER_SEPARATOR)[2] or call.turn)
        if turn is None or turn.role != "assistant":
            raise NotFound(UNKNOWN_ANSWER)
        question = await self.store.get(turn.answers) if turn.answers else None
        await self.allow(call, asker, Subject(question.author if question else "", _place_of(turn)))
        return turn, question

    async def allow(self, call: ActionCall, asker: Asker, subject: Subject | None) -> None:
        """Raise `Denied`, with the reason, unless the person may use the button."""
        action = f"button:{call.action}"
        decision = await self.authorize(asker, action, call.conversation, subject)
        if not decision.allowed:
            raise Denied(decision.reason)

    async def press(self, call: ActionCall, asker: Asker) -> Notice:
        """Perform the button's action; returns the notice for the person. Raises `NotFound` or
        `Denied`."""
        turn, question = await self.find(call, asker)
        if call.action in _VERDICTS:
            verdict, thanks = _VERDICTS[call.action]
            passage = call.value.partition(_ANSWER_SEPARATOR)[0]
            await self.store.feedback(turn.id, call.author.key, verdict, passage)
            return Notice(thanks, private=True)
        if call.action == "source":
            source = _source(turn.explanation, call.value.partition(_ANSWER_SEPARATOR)[0])
            decision = await self._may_read(source, asker, turn)
            if not decision.allowed:
                raise Denied(decision.reason)
            return Notice(
                _passage(source), private=True, actions=_feedback_buttons(source, turn.id)
            )
        shown = replace(turn, explanation=await self._readable(turn, asker))
        snapshot = await self._read_snapshot(question, call)
        return Notice(explain_answer(shown, snapshot), private=True, actions=_source_buttons(shown))

    async def _readable(self, turn: StoredMessage, asker: Asker) -> Explanation:
        """The explanation of an answer, without what the person may not read."""
        why = turn.explanation or Explanation()
        readable = [s for s in why.passages if (await self._may_read(s, asker, turn)).allowed]
        if len(readable) == len(why.passages):
            return why
        return replace(why, passages=tuple(readable), left_out=())

    async def _may_read(self, source: Source, asker: Asker, turn: StoredMessage) -> Decision:
        """Whether the person may (still) read the documents of a source where it was cited. A page
        that was read for the answer, or an earlier version's source, is in no knowledge base."""
        place = _place_of(turn)
        if not source.base or place is None:
            return ALLOWED
        return await self.authorize(asker, f"docs.read:{source.base}", place)

    async def _read_snapshot(
        self, question: StoredMessage | None, call: ActionCall
    ) -> AttachmentSnapshot | None:
        """The attachments and quoted messages stored with the question; None for anybody but the
        person who asked, because a file sent with a command is private to them."""
        if question is None or question.author != call.author.key:
            return None
        return await self.store.material(question.id)


def _place_of(turn: StoredMessage) -> ConversationKey | None:
    try:
        return ConversationKey.parse(turn.conversation)
    except ValueError:
        return None


def explain_answer(turn: StoredMessage, snapshot: AttachmentSnapshot | None = None) -> str:
    """Explain an answer, as Markdown: its model, the earlier turns used, the files and messages
    read with the question, the passages, what was left out, and the times."""
    why = turn.explanation or Explanation()
    lines = [f"**Model**: {turn.model or why.model or 'none was asked'}"]
    if why.turns_used or why.turns_left_out:
        left = f", {why.turns_left_out} older ones left out" if why.turns_left_out else ""
        lines.append(f"**Conversation**: {why.turns_used} earlier turns used{left}")
    if snapshot:
        lines.append("**Read with the question**:")
        lines += _describe_snapshot(snapshot)
    if why.searched:
        lines.append(f"**Searched for**: {'; '.join(f'“{_shorten(one)}”' for one in why.searched)}")
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


def _describe_snapshot(snapshot: AttachmentSnapshot) -> Iterator[str]:
    for quote in (*([snapshot.target] if snapshot.target else []), *snapshot.quotes):
        if quote.text.strip():
            yield f"- {_author_of(quote)}: “{_shorten(quote.text)}”"
        yield from map(_file, quote.files)
    yield from map(_file, snapshot.files)


def _author_of(quote: StoredContextMessage) -> str:
    return "my own words" if quote.from_us else " ".join(quote.author.split())


def _file(file: StoredFile) -> str:
    cut = ", of which only the beginning is kept" if file.cut else ""
    return f"- {file.name} ({len(file.text):,} characters{cut}): “{_shorten(file.text)}”"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTE_CHARACTERS else line[:_MAX_QUOTE_CHARACTERS] + "…"


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


def _source(why: Explanation | None, value: str) -> Source:
    for source in why.passages if why is not None else ():
        if value in {str(source.number), source.document}:
            return source
    raise NotFound("This source is no longer kept with the answer; please ask again.")


def _passage(source: Source) -> str:
    """Format a passage as Markdown with its title, heading, location and date."""
    text = source.passage[:_MAX_PASSAGE_CHARACTERS] or "The passage was not kept."
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    read = f", read on {source.at:%Y-%m-%d}" if source.at is not None else ""
    return f"**{_title(source)}**\n{source.location}{read}\n\n{quoted}"


def _source_buttons(turn: StoredMessage) -> tuple[Action, ...]:
    passages = turn.explanation.passages if turn.explanation is not None else ()
    return tuple(
        Action("source", f"[{one.number}]", f"{one.number}{_ANSWER_SEPARATOR}{turn.id}")
        for one in passages[:_MAX_SOURCE_BUTTONS]
    )


def _feedback_buttons(source: Source, turn: str) -> tuple[Action, ...]:
    value = f"{source.number}{_ANSWER_SEPARATOR}{turn}"
    return (Action("wrong", "Wrong", value), Action("outdated", "Outdated", value))


def is_same_channel(one: ConversationKey, other: ConversationKey) -> bool:
    """Whether two conversations are in the same channel, and so visible to the same people."""
    return one.scope("channel") == other.scope("channel")
