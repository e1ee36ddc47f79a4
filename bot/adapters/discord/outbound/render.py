"""Renders a view as Discord messages: pages, status, sources, notices and buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from discord.utils import escape_markdown

from bot.adapters.discord.outbound.command_links import take_apart
from bot.catalogue.sentence import say
from bot.replies.code import split_code
from bot.replies.link_words import misleads
from bot.replies.pages import fit_pages, split_text
from bot.replies.tables import draw_tables
from bot.replies.wording import button_row, notice_text, shown_status, source_line
from bot.types import Action, File, Notice, Source, View

MAX_MESSAGE_CHARS = 2000
"""Longest message, in characters."""
MAX_PAGE_CHARS = 1900
"""Longest page, in characters; the rest of a message is for lines below and for escaping."""
MAX_FILES = 10
STATUS_MARK = "⏳ "
"""Begins the line that says what is going on."""
INTERRUPTED = say("-# ⚠️ This answer was interrupted by a restart.")
CUT_OFF_TEXT = say("⚠️ The rest of this answer could not be delivered; please ask again.")

_MARKUP = re.compile(r"<(?=@[!&]?\d+>|#\d+>|/[^<>\n]{1,100}:\d+>|t:-?\d+|a?:\w{1,32}:\d+>|id:\w+>)")
_EVERYONE = re.compile(
    r"(?<![\w.+-])@(?=everyone|here)|(?<=[\w.+-])@(?=(?:everyone|here)(?![\w-]*\.\w))",
    re.IGNORECASE,
)
"""Not within an e-mail address whose host begins like that."""
_SUBTEXT = re.compile(r"^(?=-# )", re.MULTILINE)
_LATER_SUBTEXT = re.compile(r"(?<=\n)(?=-# )")
_LINKABLE = re.compile(r"https?://[^\s<>]{1,300}$")
_GAP = "\u200b"
_MARKS = {"error": "⚠️ ", "refusal": "⛔ ", "info": "", "footer": "-# "}


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of one message."""

    content: str
    buttons: tuple[Action, ...] = ()
    files: tuple[File, ...] = ()


def escape(text: str) -> str:
    """Text that Discord shows as it is written; code is left alone, since nothing works in it.

    A mention, a channel, a command of others, a timestamp or an emoji by id is taken apart by a
    zero-width space, and so is `@everyone`. Small print at the start of a line, which only the bot
    itself writes (sources, status), loses its meaning.
    """
    shown = ""
    for piece, code in split_code(text):
        if not code:
            piece = _EVERYONE.sub("@" + _GAP, _MARKUP.sub(take_apart, piece))
            piece = (_SUBTEXT if shown[-1:] in ("", "\n") else _LATER_SUBTEXT).sub("\\\\", piece)
        shown += piece
    return shown


def heading_line(heading: str) -> str:
    """The small print above an answer, in which no markup counts."""
    return "-# " + escape(escape_markdown(heading))


def notice_line(notice: Notice) -> str:
    """A notice as a line below the answer, or as a message of its own."""
    text = escape(notice_text(notice))
    mark = _MARKS[notice.kind]
    if notice.kind == "footer":
        text = " ".join(text.split())
    return mark + text


def source_lines(sources: Sequence[Source], locale: str | None = None) -> Iterator[str]:
    """The sources below an answer, as small print."""
    lines = source_line(sources, _show_source, MAX_PAGE_CHARS, locale)
    return (f"-# {line}" for line in lines)


def _show_source(title: str, url: str) -> str:
    title = escape(title)
    if not _LINKABLE.match(url):
        return title
    link = url.replace("(", "%28").replace(")", "%29")
    if misleads(title, url):
        return f"<{link}>"
    return f"[{title.replace('[', '(').replace(']', ')')}](<{link}>)"


def render(view: View, *, private: bool = False) -> list[Payload]:
    """The messages that show a view, in order; empty when there is nothing to show.

    With `private`, private notices are left out, since they are shown to the asker another way.
    """
    heading = f"{heading_line(view.heading)}\n" if view.heading else ""
    contents = list(fit_pages(view, MAX_MESSAGE_CHARS - len(heading), _show))
    footer = list(_footer_lines(view, private))
    if heading and (contents or footer or view.files):
        contents[:1] = [heading + "".join(contents[:1])]
    for line in footer:
        for part in split_text(line, MAX_MESSAGE_CHARS):
            if contents and len(contents[-1]) + 1 + len(part) <= MAX_MESSAGE_CHARS:
                contents[-1] += "\n" + part
            else:
                contents.append(part)
    if not contents and view.files:
        contents = [""]
    if not contents:
        return []
    payloads = [Payload(content) for content in contents]
    payloads[-1] = Payload(contents[-1], button_row(view), view.files[:MAX_FILES])
    return payloads


def render_ephemeral(notices: Sequence[Notice]) -> list[Payload]:
    """Private notices as messages, split at lines; the last one has the notices' buttons."""
    text = "\n".join(notice_line(notice) for notice in notices)
    payloads = [Payload(part) for part in split_text(text, MAX_MESSAGE_CHARS) if part.strip()]
    buttons = tuple(action for notice in notices for action in notice.actions)
    if payloads and buttons:
        payloads[-1] = replace(payloads[-1], buttons=buttons)
    return payloads


def _show(page: str) -> str:
    return escape(draw_tables(page))


def _footer_lines(view: View, private: bool) -> Iterator[str]:
    if status := shown_status(view):
        # By itself it is what a notification says, so it is no small print then.
        yield ("-# " if view.text else "") + STATUS_MARK + escape(status)
    yield from source_lines(view.sources, view.locale)
    for notice in view.notices:
        if not (private and notice.private):
            yield notice_line(notice)
