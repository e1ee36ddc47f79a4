"""A view of a reply as Slack messages: Markdown pages, small print, buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.adapters.wording import notice_text, source_text, status_text
from bot.types import Action, Notice, View

MAX_PAGE = 11_000
"""What delivery splits at; the rest is kept for what escaping and notices add."""
MAX_MARKDOWN = 12_000
MAX_SMALL = 2_900
INTERRUPTED = "⚠️ This answer was interrupted by a restart."
_PING = re.compile(r"<(?=[!@#])")
_MARKS = {"error": "⚠️ ", "refusal": "⛔ ", "info": "", "footer": ""}
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """One message as it should stand."""

    text: str
    small: str = ""
    buttons: tuple[Action, ...] = ()

    def blocks(self, turn: str) -> list[Block]:
        """The message's blocks; `turn` is what its buttons carry."""
        blocks: list[Block] = []
        if self.text.strip():
            blocks.append({"type": "markdown", "text": self.text})
        if self.small:
            element = {"type": "mrkdwn", "text": self.small, "verbatim": True}
            blocks.append({"type": "context", "elements": [element]})
        if self.buttons:
            blocks.append(button_block(self.buttons, turn))
        return blocks

    @property
    def fallback(self) -> str:
        """What a notification shows."""
        return plain((self.text.strip() or self.small)[:2000])


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


def escape(text: str) -> str:
    """Markdown in which the model can neither ping anybody nor name a channel."""
    return _PING.sub("<\u200b", text)


def plain(text: str) -> str:
    """Text for a field that reads Slack's own markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def notice_line(notice: Notice) -> str:
    """A notice as Markdown."""
    return _MARKS[notice.kind] + escape(notice_text(notice))


def chunks(text: str, limit: int = MAX_MARKDOWN) -> Iterator[str]:
    """Cut a text that has become too long, at a line or a space where there is one."""
    while len(text) > limit:
        cut = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        cut = limit if cut <= 0 else cut + 1
        yield text[:cut]
        text = text[cut:]
    yield text


def render(view: View, *, private: bool) -> list[Payload]:
    """The messages that show a view, in order; empty when there is nothing to show.

    With `private`, private notices are left out, since they are shown to the asker another way.
    """
    pages = view.pages or ((view.text,) if view.text else ())
    texts = [part for page in pages for part in chunks(escape(page)) if part.strip()]
    notices = [n for n in view.notices if not (private and n.private)]
    for notice in notices:
        if notice.kind == "footer":
            continue
        for part in chunks(notice_line(notice)):
            if texts and len(texts[-1]) + len(part) + 2 <= MAX_MARKDOWN:
                texts[-1] += "\n\n" + part
            else:
                texts.append(part)
    small = "\n".join(_small(view, notices))[:MAX_SMALL]
    if not texts and not small:
        return []
    payloads = [Payload(text) for text in texts or [""]]
    payloads[-1] = Payload(payloads[-1].text, small, view.actions)
    return payloads


def _small(view: View, notices: Sequence[Notice]) -> Iterator[str]:
    if view.state == "working":
        status = view.status
        if status is not None and (not view.text or status.text or status.total):
            yield f"⏳ {plain(status_text(status))} …"
        elif not view.text:
            yield "⏳ thinking …"
    for source in view.sources:
        yield plain(source_text(source))[:300]
    for notice in notices:
        if notice.kind == "footer":
            yield plain(" ".join(notice_text(notice).split()))
