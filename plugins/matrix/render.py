"""Renders a view as Matrix messages: Markdown for the plain text, HTML for clients that show it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from bot.api import (
    ConversationKey,
    Notice,
    View,
    button_row,
    fit_pages,
    misleads,
    notice_text,
    say,
    shown_status,
    source_line,
)
from plugins.matrix.buttons import FIELD, Button, buttons_of, legend, written_buttons
from plugins.matrix.homeserver import Json

MAX_PAGE_CHARS = 5_000
"""Longest page, in characters. An event holds 64 kB, in which an edit stands with its HTML, and
encrypted."""
_MAX_MESSAGE_CHARS = 6_000
_MAX_HTML_BYTES = 20_000
"""HTML longer than this is left out, so that the event fits; the plain text says the same."""
_MAX_FALLBACK_CHARS = 200
_MAX_URL_CHARS = 1_000
STATUS_MARK = "⏳ "
INTERRUPTED = say("⚠️ This answer was interrupted by a restart.")
CUT_OFF_TEXT = say("⚠️ The rest of this answer could not be delivered; please ask again.")
_MARKS = {"error": "⚠️ ", "refusal": "⛔ ", "info": "", "footer": ""}
_PUNCTUATION = re.compile(r"([\\`*_\[\]<>~#|!&])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_URL = re.compile(r"https?://[^\s<>]+")


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of one message. `text` is Markdown, of which the answer itself is the part from
    `begins` to `ends`, in characters; the status and what the buttons mean are not in it."""

    text: str
    buttons: tuple[Button, ...] = ()
    begins: int = 0
    ends: int = 0
    status: str = ""

    @property
    def emojis(self) -> tuple[str, ...]:
        """The reactions that work as its buttons."""
        return tuple(button.emoji for button in self.buttons)

    def content(self, turn: str, place: ConversationKey) -> dict[str, Any]:
        """The content of the message, without what it relates to."""
        said = [self.text, self.status, legend(self.buttons)]
        body = "\n\n".join(part for part in said if part)
        small = "".join(f"<p>{_small(part)}</p>" for part in said[1:] if part)
        own = {
            **written_buttons(self.buttons, turn, place),
            "answer": [self.begins, self.ends],
            "kept": len(self.text),
            "working": bool(self.status),
        }
        content: dict[str, Any] = {
            "msgtype": "m.notice",
            "body": body,
            "m.mentions": {},
            FIELD: own,
        }
        html = to_html(self.text) + small
        if len(html.encode()) <= _MAX_HTML_BYTES:
            content |= {"format": "org.matrix.custom.html", "formatted_body": html}
        return content


def edit_content(content: Mapping[str, Any], message: str) -> dict[str, Any]:
    """The content of the event that edits a message. Clients without edits show its beginning."""
    return {
        "msgtype": content["msgtype"],
        "body": "* " + str(content["body"])[:_MAX_FALLBACK_CHARS],
        "m.mentions": {},
        "m.new_content": dict(content),
        "m.relates_to": {"rel_type": "m.replace", "event_id": message},
    }


def relation(thread: str | None, reply_to: str | None) -> dict[str, Any]:
    """What relates a message to a thread, or to the question that it answers."""
    if thread is not None:
        before = {"event_id": reply_to or thread}
        said = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True}
        return {"m.relates_to": {**said, "m.in_reply_to": before}}
    return {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}} if reply_to else {}


# --- what stands there already ------------------------------------------------------------------


def own_answer(content: Json) -> str:
    """The text of a finished answer of the bot; empty for any other message."""
    own = content.get(FIELD)
    if not isinstance(own, Mapping) or own.get("working"):
        return ""
    match own.get("answer"):
        case [int(begins), int(ends)]:
            return str(content.get("body") or "")[begins:ends]
    return ""


def kept_text(content: Json) -> str:
    """What a message of the bot says, without its status and what its buttons mean."""
    own = content.get(FIELD)
    kept = own.get("kept") if isinstance(own, Mapping) else None
    return str(content.get("body") or "")[: kept if isinstance(kept, int) else 0]


# --- a view --------------------------------------------------------------------------------------


def render(view: View, *, private: bool) -> list[Payload]:
    """The messages that show a view, in order; empty when there is nothing to show.

    With `private`, private notices are left out, since they are shown to the asker another way.
    """
    pages = list(fit_pages(view, _MAX_MESSAGE_CHARS, _without_controls))
    payloads = [Payload(page, begins=0, ends=len(page)) for page in pages]
    if view.heading:
        line = escape(view.heading) + "\n\n"
        first = payloads[0] if payloads else Payload("")
        ends = len(line) + len(first.text)
        payloads[:1] = [replace(first, text=line + first.text, begins=len(line), ends=ends)]
    for line in _lines_below(view, private):
        if payloads and len(payloads[-1].text) + len(line) + 2 <= _MAX_MESSAGE_CHARS:
            last = payloads[-1]
            above = last.text.removesuffix("\n\n")  # of a heading without an answer
            payloads[-1] = replace(last, text=f"{above}\n\n{line}".lstrip("\n"))
        else:
            payloads.append(Payload(line[:_MAX_MESSAGE_CHARS]))
    status = shown_status(view)
    if not payloads and not status:
        return []
    payloads = payloads or [Payload("")]
    status = STATUS_MARK + " ".join(status.split()) if status else ""
    payloads[-1] = replace(payloads[-1], status=status, buttons=buttons_of(button_row(view)))
    return payloads


def _without_controls(text: str) -> str:
    return _CONTROLS.sub("", text)


def _lines_below(view: View, private: bool) -> Iterator[str]:
    yield from source_line(view.sources, _show_source, MAX_PAGE_CHARS, view.locale)
    for notice in view.notices:
        if not (private and notice.private):
            yield notice_line(notice, view.locale)


def notice_line(notice: Notice, locale: str | None = None) -> str:
    """A notice as Markdown."""
    return _MARKS[notice.kind] + _without_controls(notice_text(notice, locale))


def _show_source(title: str, url: str) -> str:
    if not _URL.fullmatch(url) or len(url) > _MAX_URL_CHARS:
        return escape(title)
    words = url if misleads(title, url) else title
    return f"[{escape(words)}](<{url}>)"


def escape(text: str) -> str:
    """Text in which no Markdown counts."""
    return _PUNCTUATION.sub(r"\\\1", _without_controls(text))


# --- HTML ----------------------------------------------------------------------------------------


def to_html(text: str) -> str:
    """Markdown as the HTML that Matrix clients show: no HTML of others, no pictures."""
    return str(_markdown().render(text)).strip()


def _small(text: str) -> str:
    """A line of the bot itself, in which no markup counts."""
    return f"<em>{escapeHtml(text)}</em>"


@functools.cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    made.enable(["strikethrough", "table"])
    made.add_render_rule("image", _image)
    return made


def _image(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """A picture of the web as a link to it: clients show none that the homeserver does not keep."""
    token = tokens[at]
    url, words = escapeHtml(str(token.attrs.get("src") or "")), escapeHtml(token.content)
    return f'<a href="{url}">{words or url}</a>'
