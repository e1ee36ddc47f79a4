"""Writes the entries of a conversation as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from bot.catalogue.languages import translate
from bot.console.chat.conversation import Conversation, Entry
from bot.console.chat.kept_files import KeptFile, KeptFiles
from bot.console.formatting import render_markdown
from bot.console.site import Site
from bot.replies.wording import notice_text, place_words, shown_status, source_title
from bot.types import Action, Source, View

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types of pictures that a page shows; a browser runs nothing that they hold."""
_ELSEWHERE: Final = frozenset({"share", "stop"})
"""Buttons that no entry has: nobody else is here, and Stop must not move while an answer grows."""
_TEXT_IN_PLACE: Final = 20_000
"""Most characters of a file that are shown with what asks for a choice."""


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source as it is listed: its number, what it is called, and its address on the web if it has
    one."""

    number: int
    title: str
    address: str


class EntryRenderer:
    """Renders entries; `shelf` holds their files."""

    def __init__(self, site: Site, shelf: KeptFiles) -> None:
        self._site = site
        self._shelf = shelf

    async def __call__(self, conversation: Conversation, entry: Entry) -> str:
        """The element of an entry."""
        view = entry.view
        values: dict[str, Any] = {"view": None}
        if view is not None:
            values = {
                "view": view,
                "answer": await _answer(entry, view),
                "status": shown_status(view),
                "sources": [_source(one, view.locale) for one in view.sources]
                if view.state != "working"
                else [],
                "notices": await _notices(view),
                "buttons": await self._buttons(view.actions),
                "asides": [
                    {"notices": await _notices(one), "buttons": await self._buttons(one.actions)}
                    for one in entry.asides.values()
                ],
                "papers": self._papers(entry) if view.state == "waiting" else {},
            }  # fmt: skip
        return self._site.render(
            "chat_entry.html",
            conversation=conversation,
            entry=entry,
            element=conversation.element_id(entry),
            pictures=PICTURES,
            **values,
        )

    async def _buttons(self, actions: Sequence[Action]) -> list[dict[str, str]]:
        """Buttons as a page has them; one that a form belongs to is a link to it."""
        core = self._site.app.core
        return [
            {
                "name": one.name,
                "label": one.label,
                "value": one.value,
                "form": one.value
                if one.name == "answer" and await core.inquiry_form(one.value) is not None
                else "",
            }
            for one in actions
            if one.name not in _ELSEWHERE
        ]

    def _papers(self, entry: Entry) -> Mapping[str, str]:
        """The texts that are attached to what asks for a choice, by the ids of the files."""
        found = {one.id: self._text(one) for one in entry.files}
        return {ident: text for ident, text in found.items() if text}

    def _text(self, kept: KeptFile) -> str:
        file = self._shelf.get(kept.id)
        if file is None or not kept.content_type.startswith("text/"):
            return ""
        return file.data[: 4 * _TEXT_IN_PLACE].decode("utf-8", "replace")[:_TEXT_IN_PLACE]


async def _answer(entry: Entry, view: View) -> Markup:
    """The text of a reply: whole at its end; while it grows piece by piece, of which those before
    the last stay as they are."""
    if view.state != "working":
        entry.pieces.clear()
        return await render_markdown(view.text)
    *before, last = view.pages or ("",)
    for page in before[len(entry.pieces) :]:
        entry.pieces.append(await render_markdown(page))
    return Markup("").join([*entry.pieces[: len(before)], await render_markdown(last)])


async def _notices(view: View) -> list[dict[str, Any]]:
    """What the bot itself says; its lines stay lines."""
    texts = [notice_text(one, view.locale).replace("\n", "  \n") for one in view.notices]
    return [
        {"kind": one.kind, "html": await render_markdown(text)}
        for one, text in zip(view.notices, texts, strict=True)
    ]


def _source(source: Source, locale: str | None) -> ShownSource:
    where = translate(place_words([source.place]), locale)
    title = f"{source_title(source)}, {where}" if where else source_title(source)
    on_the_web = source.location.startswith(("https://", "http://"))
    return ShownSource(source.number, title, source.location if on_the_web else "")
