"""In which language a page is written: that of whoever looks, as far as it is known, else the first
that their browser asks for and that is there.

It is chosen once for each request, and holds for all that is rendered in the request's task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup, escape

from bot.catalogue.languages import ENGLISH, find_known, format_value, load_language, translate
from bot.catalogue.sentence import Sentence, say, say_number

_MAX_ACCEPTED_LANGUAGES: Final = 20
"""Most languages of a browser that are looked at."""
STATES: Final = (
    *(say("complete"), say("running"), say("waiting"), say("cancelled"), say("refused")),
    *(say("failed"), say("interrupted"), say("ready"), say("busy"), say("loading")),
    *(say("stopped"), say("connected"), say("connecting"), say("disconnected"), say("queued")),
    *(say("reading"), say("thinking"), say("writing"), say("working"), say("requested")),
    *(say("approved"), say("expired"), say("done"), say("offered")),
)
"""The states that pages show, which are names elsewhere: a page says `_(turn.status)`."""
_language: ContextVar[str | None] = ContextVar("language of the page", default=None)


def page_language() -> str:
    """The language of the page that is being made, as HTML names it: `de`, `pt-BR`."""
    return (_language.get() or ENGLISH).replace("_", "-")


async def speak(locale: str | None) -> None:
    """Write what is made in this task from now on in the language of a locale, if there is one."""
    known = find_known(locale)
    if known is not None:
        await load_language(known)
        _language.set(known)


async def speak_as_accepted(header: str) -> None:
    """Write in the first language that is there of those that a browser accepts
    (`Accept-Language`), else in English."""
    _language.set(None)
    await speak(next(filter(find_known, read_accepted(header)), None))


def read_accepted(header: str) -> Iterator[str]:
    """The languages of an `Accept-Language` header, the most wanted first."""
    weighed = []
    for one in header.split(",", _MAX_ACCEPTED_LANGUAGES)[:_MAX_ACCEPTED_LANGUAGES]:
        name, _, weight = one.partition(";q=")
        try:
            weighed.append((-float(weight or 1), name.strip()))
        except ValueError:
            continue
    # equal ones stay in their order
    return (name for weight, name in sorted(weighed, key=lambda one: one[0]) if weight < 0)


def say_here(text: str, /, **values: Any) -> str:
    """`_` of the pages: a sentence in the page's language, with its values. What is HTML stays so;
    everything else is escaped by the page."""
    if not isinstance(text, Sentence):
        text = _with_html(text, values) or say(text, **values)
    return translate(text, _language.get()) if isinstance(text, Sentence) else text


def say_number_here(one: str, many: str, n: int, /, **values: Any) -> str:
    """`_n` of the pages: a sentence that depends on a number, `{n}` in both templates."""
    return translate(say_number(one, many, n, **values), _language.get())


def write_value(value: Any, spec: str) -> str:
    """A number as the page's language writes it; `spec` is that of `format`."""
    return format_value(value, spec, _language.get())


def write_moment(moment: datetime) -> str:
    """A moment in UTC; the page's script writes it again in the reader's own zone."""
    return say_here("{at:%Y-%m-%d %H:%M} UTC", at=moment)


def _with_html(text: str, values: dict[str, Any]) -> Markup | None:
    if not any(isinstance(value, Markup) for value in values.values()):
        return None
    template = translate(Sentence(text), _language.get())
    return Markup(escape(template).format_map(values))


def install(templates: Environment) -> None:
    """Give the templates `_`, `_n` and `language`."""
    templates.globals.update(_=say_here, _n=say_number_here, language=page_language)
