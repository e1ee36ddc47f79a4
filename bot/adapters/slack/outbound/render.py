"""Renders a view as Slack messages: Markdown pages, small print and buttons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.adapters.slack.outbound.escaping import escape, escape_markup, format_link
from bot.catalogue.sentence import say
from bot.control_characters import strip_controls
from bot.replies.link_words import misleads
from bot.replies.pages import fit_pages, split_text
from bot.replies.wording import (
    button_row,
    join_items,
    notice_text,
    shorten,
    shown_status,
    source_line,
    source_title,
)
from bot.types import Action, Notice, View

MAX_PAGE_CHARS = 11_000
"""Longest page, in characters; the rest of a message is for escaping and notices."""
MAX_MARKDOWN_CHARS = 12_000
MAX_PLAIN_CHARS = 3_000
MAX_ELEMENT_CHARS = 2_900
MAX_ELEMENTS = 3
"""Elements of small print in one message; more of them go into the next message."""
INTERRUPTED = say("⚠️ This answer was interrupted by a restart.")
CUT_OFF_TEXT = say("⚠️ The rest of this answer could not be delivered; please ask again.")
FEEDBACK = "parlance:feedback"
_MAX_PIECE_CHARS = 500
_MAX_QUESTION_CHARS = 80
_MAX_NOTIFICATION_CHARS = 2_000
_MAX_URL_CHARS = 1_000
_MARKS = {"error": "⚠️ ", "refusal": "⛔ ", "info": "", "footer": ""}
_VERDICTS = frozenset({"good", "bad"})
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of one message. `small` are texts in Slack's own markup, in order."""

    text: str
    small: tuple[str, ...] = ()
    buttons: tuple[Action, ...] = ()
    brief: str = ""
    """What a notification shows where there is no text."""
    growing: bool = False
    """Whether text may still be added; it is streamed then."""

    def layouts(self, turn: str) -> list[list[Block]]:
        """The message's blocks in three layouts, to be tried in order."""
        return [self.blocks(turn, feedback=True), self.blocks(turn), self.plain_blocks(turn)]

    heading: str = ""
    """Small print above the text, in which no markup counts."""

    def blocks(self, turn: str, *, feedback: bool = False) -> list[Block]:
        """The message's blocks; `turn` is what its buttons carry."""
        text = [{"type": "markdown", "text": self.text}] if self.text.strip() else []
        return [*self._heading_blocks(), *text, *self.footer_blocks(turn, feedback=feedback)]

    def plain_blocks(self, turn: str) -> list[Block]:
        """The message's blocks as plain text, for when Slack rejects the Markdown."""
        pieces = split_text(self.text, MAX_PLAIN_CHARS) if self.text.strip() else ()
        text = [
            {"type": "section", "text": {"type": "plain_text", "text": piece, "emoji": False}}
            for piece in pieces
            if piece.strip()
        ]
        return [*self._heading_blocks(), *text, *self.footer_blocks(turn)]

    def _heading_blocks(self) -> list[Block]:
        line = {"type": "plain_text", "text": self.heading, "emoji": False}
        return [{"type": "context", "elements": [line]}] if self.heading else []

    def footer_blocks(self, turn: str, *, feedback: bool = False) -> list[Block]:
        """The blocks below the text. With `feedback`, 👍 and 👎 are Slack's own element."""
        small = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in self.small]
        blocks: list[Block] = [{"type": "context", "elements": small}] if small else []
        if not feedback or not {action.name for action in self.buttons} >= _VERDICTS:
            return [*blocks, button_block(self.buttons, turn)] if self.buttons else blocks
        others = [action for action in self.buttons if action.name not in _VERDICTS]
        if others:
            blocks.append(button_block(others, turn))
        return [*blocks, feedback_block(turn)]

    def notification(self, question: str = "") -> str:
        """What a notification shows: the question in short, then how the message begins."""
        asked = shorten(question, _MAX_QUESTION_CHARS)
        said = self.text.strip() or self.brief
        words = f"{asked} — {said}" if asked and said else asked or said
        return escape_markup(strip_controls(words)[:_MAX_NOTIFICATION_CHARS])


def button_block(actions: Sequence[Action], turn: str) -> Block:
    """Buttons; each carries its turn and value, so that it works after a restart."""
    elements = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": action.label[:75], "emoji": True},
            "action_id": f"parlance:{action.name}:{number}",
            "value": f"{turn}|{action.value}"[:2000],
        }
        for number, action in enumerate(actions[:25])
    ]
    return {"type": "actions", "elements": elements}


def feedback_block(turn: str) -> Block:
    """Slack's own element for 👍 and 👎; the value of the pressed one says which it was."""

    def thumb(label: str, spoken: str, verdict: str) -> Block:
        text = {"type": "plain_text", "text": label, "emoji": True}
        return {"text": text, "accessibility_label": spoken, "value": f"{turn}|{verdict}"}

    element = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": thumb("👍", say("Good answer"), "good"),
        "negative_button": thumb("👎", say("Bad answer"), "bad"),
    }
    return {"type": "context_actions", "elements": [element]}


def notice_line(notice: Notice) -> str:
    """A notice as Markdown."""
    return _MARKS[notice.kind] + escape(notice_text(notice))


def render_pages(view: View) -> list[str]:
    """The answer itself as Markdown pages, each fit for one message."""
    return list(fit_pages(view, MAX_MARKDOWN_CHARS, escape))


def render(view: View, *, private: bool) -> list[Payload]:
    """The messages that show a view, in order; empty when there is nothing to show.

    With `private`, private notices are left out, since they are shown to the asker another way.
    """
    texts = render_pages(view)
    notices = [n for n in view.notices if not (private and n.private)]
    for notice in notices:
        if notice.kind == "footer":
            continue
        for part in split_text(notice_line(notice), MAX_MARKDOWN_CHARS):
            if texts and len(texts[-1]) + len(part) + 2 <= MAX_MARKDOWN_CHARS:
                texts[-1] += "\n\n" + part
            else:
                texts.append(part)
    said = list(_small(view, notices))
    lines = (line for _, lines in said for line in lines)
    small = tuple(join_items(lines, MAX_ELEMENT_CHARS, "\n"))
    if not texts and not small:
        return []
    payloads = [Payload(text) for text in texts or [""]]
    payloads[0] = replace(payloads[0], heading=view.heading)
    brief = said[0][0] if said else ""
    payloads[-1] = replace(payloads[-1], brief=brief)
    for element in small:
        last = payloads[-1]
        size = len(last.text) + sum(map(len, last.small)) + len(element)
        if size > MAX_MARKDOWN_CHARS or len(last.small) == MAX_ELEMENTS:
            payloads.append(Payload("", (element,), brief=brief))
        else:
            payloads[-1] = replace(last, small=(*last.small, element))
    payloads[-1] = replace(payloads[-1], buttons=button_row(view))
    return payloads


def _small(view: View, notices: Sequence[Notice]) -> Iterator[tuple[str, Iterable[str]]]:
    """Small print: each as it is, and as lines in Slack's own markup."""
    if status := shown_status(view):
        yield status, _lines(f"⏳ {status}")
    if view.sources:
        lines = list(source_line(view.sources, _show_source, MAX_ELEMENT_CHARS, view.locale))
        yield source_title(view.sources[0]), lines
    for notice in notices:
        if notice.kind == "footer":
            text = " ".join(notice_text(notice).split())
            yield text, _lines(text)


def _show_source(title: str, url: str) -> str:
    """A source's title, as a link if it is on the web."""
    if not url or len(url) > _MAX_URL_CHARS:
        return escape_markup(title)
    return format_link(url, url if misleads(title, url) else title)


def _lines(text: str) -> Iterator[str]:
    """Text for Slack's own markup, in pieces that are never split within an entity."""
    text = " ".join(text.split())
    return (escape_markup(piece) for piece in split_text(text, _MAX_PIECE_CHARS))
