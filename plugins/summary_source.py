"""What `/summarize` reads: a page, a file, a message, a thread, or the last messages.

Also how people ask for a summary of what was said around them in free text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.api import (
    CommandCall,
    Context,
    ContextMessage,
    Page,
    Refused,
    UsageError,
    at_this_machine,
    plain_name,
    quoted,
    say,
)

Style = Literal["bullets", "prose"]

_URL = re.compile(r"https?://[^\s<>|\"]+", re.IGNORECASE)
DEFAULT_MESSAGES = 50
"""Messages that are read where nobody says how many."""
MAX_MESSAGES = 500
"""Messages that are read at most, and of a thread."""
MIN_PASTED_WORDS = 25
"""From so many words on, what stands in place of an address is the text itself."""


_MAX_REQUEST_CHARACTERS = 120
_SUM_UP = re.compile(
    r"\b(summar(?:y|i[sz]e)|sum up|recap|tl;?dr|catch me up|zusammenfass\w*|"
    r"fass\w*+ .{0,100}zusammen|r[ée]sum(?:e|é|er|en|ir)|resumen|resumir|riassum\w*|samenvat\w*|"
    r"vat .{0,100}samen)\b",
    re.IGNORECASE,
)
_THREADS = ("thread", "hilo", "fil")
_PLACE = re.compile(
    rf"\b({'|'.join(_THREADS)}|channel|conversation|discussion|chat|kanal|unterhaltung|gespräch|"
    r"diskussion|canal|conversación|salon|canale|conversazione|kanaal|gesprek)"
    r"(?:\W+(?:so far|please|for me|zusammen|samen|bitte|bisher|por favor|stp|svp|per favore|"
    r"alsjeblieft|(?:in|as) (?:prose|paragraphs|bullets|bullet points|a list)))*\W*$",
    re.IGNORECASE,
)
_NEWEST = r"(?:last|past|previous|latest|letzten|últimos|derniers|ultimi|laatste)"
_LAST = re.compile(
    rf"\b(?:{_NEWEST}\s+(\d{{1,4}})|(\d{{1,4}})\s+{_NEWEST})\s+"
    r"(?:messages|posts|lines|nachrichten|mensajes|messaggi|berichten)\b",
    re.IGNORECASE,
)
_WITHOUT_SPACES = re.compile(
    r"(?=.*(?:总结|總結|摘要|まとめ|要約|요약))(?=.*(?:讨论|討論|对话|對話|スレッド|会話|대화|스레드))"
)
_PROSE = re.compile(r"\b(prose|paragraphs)\b", re.IGNORECASE)


async def find_page(ctx: Context, source: str, last: int) -> Page:
    """What to read: a menu's message, what is named, what is attached, what was said."""
    if isinstance(ctx.event, CommandCall) and ctx.event.target is not None:
        target = ctx.event.target
        if target.attachments:
            return await ctx.read(target.attachments[0])
        if target.replies is not None:
            quotes = await target.replies(MAX_MESSAGES)
            return text_page(
                _transcript(quotes), say("A thread of {number} messages", number=len(quotes))
            )
        links = _URL.findall(target.text)
        if links and len(_URL.sub("", target.text).split()) < 20:
            return await ctx.web.read(links[0].rstrip(".,;:!?)"))
        return text_page(target.text, say("A message by {name}", name=plain_name(target.author)))
    if source:
        return await _read_named(ctx, source)
    if ctx.attachments:
        return await ctx.read(ctx.attachments[0])
    return text_page(*await read_messages(ctx, last))


async def _read_named(ctx: Context, source: str) -> Page:
    plain = source.strip("<>").partition("|")[0]  # how Slack writes a link
    if re.match(r"[a-z][a-z0-9+.-]*://", plain, re.IGNORECASE):
        return await ctx.web.read(plain)
    pasted = len(source.split()) >= MIN_PASTED_WORDS
    if at_this_machine(ctx.asker) and not pasted:
        return await ctx.web.read_file(source)
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", plain):
        return await ctx.web.read(f"https://{plain}")
    if pasted:
        return text_page(source, "")
    raise Refused(say("Give a URL such as https://example.com/page, or attach the file."))


async def read_messages(ctx: Context, last: int) -> tuple[str, str]:
    """What was said here, and what to call it: the platform's messages that the asker may read;
    on a platform that has none, our own turns."""
    if ctx.event.earlier is not None:
        quotes = await ctx.event.earlier(last or DEFAULT_MESSAGES)
        if not _transcript(quotes):
            raise Refused(say("There is nothing here yet that could be summarised."))
    elif ctx.event.context:
        quotes = ctx.event.context[-last:] if last else ctx.event.context
    else:
        turns = await ctx.history.recent(str(ctx.conversation), limit=last or DEFAULT_MESSAGES)
        quotes = [
            ContextMessage(t.author_name or t.author, t.text, t.role == "assistant") for t in turns
        ]
    return _transcript(quotes), say("The last {number} messages", number=len(quotes))


def _transcript(quotes: Sequence[ContextMessage]) -> str:
    return "\n\n".join(
        quoted("Parlance" if q.from_us else plain_name(q.author), q.text)
        for q in quotes
        if q.text.strip()
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants summed up, in free text: so many messages, or all of a thread."""

    last: int = 0
    thread: bool = False
    style: Style = "bullets"


def parse_request(text: str) -> Request | None:
    """What a message asks to be summed up of what was said around it; None where it does not ask
    for that, and for nothing else."""
    text = text.strip()
    if len(text) > _MAX_REQUEST_CHARACTERS or _URL.search(text):
        return None
    if _WITHOUT_SPACES.match(text):
        return Request()
    if not _SUM_UP.search(text):
        return None
    number, place = _LAST.search(text), _PLACE.search(text)
    if number is None and place is None:
        return None
    return Request(
        last=min(int(number[1] or number[2]), MAX_MESSAGES) if number else 0,
        thread=place is not None and place[1].lower() in _THREADS,
        style="prose" if _PROSE.search(text) else "bullets",
    )


def text_page(text: str, title: str) -> Page:
    """A text that somebody wrote, as a page. Raises `UsageError` where there is none."""
    if not text.strip():
        raise UsageError(say("Name what to summarise: a URL, a file that you attach, or last=20."))
    return Page("", title, text)
