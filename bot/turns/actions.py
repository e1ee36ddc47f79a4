"""Handles the buttons under an answer, except Stop and Regenerate.

Everything is read from the history, so that a button still works after a restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from backends.base import Usage
from bot.catalogue.sentence import Sentence, join_sentences, lay_out, say
from bot.commands.authorization import UNKNOWN_ANSWER, Authorize, Subject
from bot.commands.checks import ALLOWED, Asker, Decision
from bot.errors import Denied, NotFound
from bot.events import ActionCall
from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.protocol import HistoryStore, StoredMessage, Verdict
from bot.replies.wording import place_words
from bot.turns.platforms import Platforms
from bot.types import Action, ConversationKey, Explanation, Notice, Source

_VERDICTS: dict[str, tuple[Verdict, str]] = {
    "good": ("good", say("Thank you; noted that this answer was good.")),
    "bad": ("bad", say("Thank you; noted that this answer was not good.")),
    "wrong": (
        "wrong",
        say("Thank you; noted that this passage is wrong, for an admin to look at."),
    ),
    "outdated": (
        "outdated",
        say("Thank you; noted that this passage is outdated, for an admin to look at."),
    ),
}
_MAX_PASSAGE_CHARACTERS = 3_000
_ANSWER_SEPARATOR = "@"
"""Separates the number of a source from the id of its answer in a button's value."""
_MAX_QUOTE_CHARACTERS = 300
_MAX_SOURCE_BUTTONS = 8
"""Most passages that have a button in an explanation, which lists them all."""

SummaryText: TypeAlias = Callable[[int], Awaitable[str]]
"""Returns the text of a summary of earlier turns by its number; empty if it is gone."""


async def no_summary(number: int) -> str:
    """The default of `ButtonHandler.summary_text`: there are none."""
    return ""


@dataclass(frozen=True, slots=True)
class ButtonHandler:
    """Looks up the answer that a pressed button belongs to, and does what the button says."""

    store: HistoryStore
    authorize: Authorize
    platforms: Platforms
    summary_text: SummaryText = no_summary

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
        number = shown.explanation.summary if shown.explanation is not None else 0
        told = await self.summary_text(number) if number else ""
        explained = explain_answer(shown, snapshot, told)
        return Notice(explained, private=True, actions=_source_buttons(shown))

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


def explain_answer(
    turn: StoredMessage, snapshot: AttachmentSnapshot | None = None, summary: str = ""
) -> str:
    """Explain an answer, as Markdown: its model, the earlier turns used and the summary of those
    before them, the files and messages read with the question, the passages, what was left out,
    and the times."""
    why = turn.explanation or Explanation()
    model = turn.model or why.model or say("none was asked")
    lines: list[str] = [say("**Model**: {model}", model=model)]
    if why.turns_used or why.turns_left_out:
        used = say("**Conversation**: {used} earlier turns used", used=why.turns_used)
        more = why.turns_left_out
        left = say("{number} older ones left out", number=more) if more else ""
        lines.append(join_sentences((used, left), ", "))
    if summary:
        told = " ".join(summary.split())
        lines.append(say("**Earlier in this conversation, summarised**: {told}", told=told))
    if snapshot:
        lines += _list(say("**Read with the question**:"), _describe_snapshot(snapshot))
    if why.steps:
        steps = (f"{n}. {step}" for n, step in enumerate(why.steps, 1))
        lines += _list(say("**Steps**:"), steps)
    if why.searched:
        searched = "; ".join(f"“{_shorten(one)}”" for one in why.searched)
        lines.append(say("**Searched for**: {searched}", searched=searched))
    lines += _describe_certainty(why)
    if why.passages:
        lines += _list(say("**Passages**:"), (f"- {_title(one)}" for one in why.passages))
    if why.left_out:
        left_out = join_sentences(map(Sentence, why.left_out), "; ")
        lines.append(say("**Left out**: {left_out}", left_out=left_out))
    if (usage := turn.usage or why.usage) is not None:
        lines.append(say("**Times**: {times}", times=_times(usage)))
        read, cached, written = usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
        words = (
            say(
                "**Tokens**: {read:,} read ({cached:,} from the cache), {written:,} written",
                read=read,
                cached=cached,
                written=written,
            )
            if cached
            else say("**Tokens**: {read:,} read, {written:,} written", read=read, written=written)
        )
        lines.append(words)
    return join_sentences(lines, "\n")


def _list(head: str, items: Iterable[str]) -> list[str]:
    """A list below its head; the blank line keeps what follows out of its last item."""
    *lines, last = (head, *items)
    return [*lines, lay_out("{last}\n", last=last)]


def _describe_certainty(why: Explanation) -> Iterator[str]:
    """What a model that read the passages pointed to, and how sure it is; or the search."""
    if why.read_by:
        words = " · ".join(why.pointed) or say("nothing")
        yield say("**Pointed to**: {words}", words=words)
        yield say(
            "**How sure**: {share:.0%} that the passages answer, by {model}, which read them",
            share=why.confidence,
            model=why.read_by,
        )
    elif why.confidence:
        yield say(
            "**How sure**: {share:.0%} that the passages answer, by how much they have in common "
            "with the question; no model read them",
            share=why.confidence,
        )


def _describe_snapshot(snapshot: AttachmentSnapshot) -> Iterator[str]:
    for quote in (*([snapshot.target] if snapshot.target else []), *snapshot.quotes):
        if quote.text.strip():
            yield lay_out(
                "- {author}: “{quote}”", author=_author_of(quote), quote=_shorten(quote.text)
            )
        yield from map(_file, quote.files)
    yield from map(_file, snapshot.files)


def _author_of(quote: StoredContextMessage) -> str:
    return say("my own words") if quote.from_us else " ".join(quote.author.split())


def _file(file: StoredFile) -> str:
    if not file.text:
        return say("- {name} (seen, not kept)", name=file.name)
    size = say("{number:,} characters", number=len(file.text))
    cut = say("of which only the beginning is kept") if file.cut else ""
    about = join_sentences((size, cut), ", ")
    return lay_out(
        "- {name} ({about}): “{quote}”", name=file.name, about=about, quote=_shorten(file.text)
    )


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTE_CHARACTERS else line[:_MAX_QUOTE_CHARACTERS] + "…"


def _times(usage: Usage) -> str:
    steps: tuple[tuple[str, float | None], ...] = (
        (say("waiting {seconds:.1f} s", seconds=usage.queue_s or 0), usage.queue_s),
        (say("loading the model {seconds:.1f} s", seconds=usage.load_s or 0), usage.load_s),
        (say("reading {seconds:.1f} s", seconds=usage.prefill_s or 0), usage.prefill_s),
        (say("writing {seconds:.1f} s", seconds=usage.decode_s or 0), usage.decode_s),
    )
    return join_sentences([words for words, seconds in steps if seconds], ", ") or say("none")


def _title(source: Source) -> str:
    heading = f" › {source.heading}" if source.heading else ""
    score = f" ({source.score:.2f})" if source.score is not None else ""
    where = place_words([source.place])
    return f"[{source.number}] {source.title}{heading}{f', {where}' if where else ''}{score}"


def _source(why: Explanation | None, value: str) -> Source:
    for source in why.passages if why is not None else ():
        if value in {str(source.number), source.document}:
            return source
    raise NotFound(say("This source is no longer kept with the answer; please ask again."))


def _passage(source: Source) -> str:
    """Format a passage as Markdown with its title, heading, location and date."""
    text = source.passage[:_MAX_PASSAGE_CHARACTERS] or say("The passage was not kept.")
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    read = say(", read on {at:%Y-%m-%d}", at=source.at) if source.at is not None else ""
    return f"**{_title(source)}**\n{source.location}{read}\n\n{quoted}"


def _source_buttons(turn: StoredMessage) -> tuple[Action, ...]:
    passages = turn.explanation.passages if turn.explanation is not None else ()
    return tuple(
        Action("source", f"[{one.number}]", f"{one.number}{_ANSWER_SEPARATOR}{turn.id}")
        for one in passages[:_MAX_SOURCE_BUTTONS]
    )


def _feedback_buttons(source: Source, turn: str) -> tuple[Action, ...]:
    value = f"{source.number}{_ANSWER_SEPARATOR}{turn}"
    return (Action("wrong", say("Wrong"), value), Action("outdated", say("Outdated"), value))


def is_same_channel(one: ConversationKey, other: ConversationKey) -> bool:
    """Whether two conversations are in the same channel, and so visible to the same people."""
    return one.scope("channel") == other.scope("channel")
