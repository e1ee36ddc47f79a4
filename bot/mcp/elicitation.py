"""What a server asks of the person in the middle of a call: read into a form, and answered.

A server may be anybody's. Its words are shown as a quotation, what it may ask is bounded, and what
looks like a secret is never asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from bot.catalogue.sentence import join_sentences, lay_out, say
from bot.commands.options import Kind, Option
from bot.errors import UsageError
from bot.mcp.safe_schema import one_line
from bot.mcp.secret_words import asks_for_a_secret, names_a_secret
from bot.replies.wording import as_code
from bot.skills.inquiry import Inquiry
from bot.types import Value

MAX_FIELDS: Final = 20
_MAX_MESSAGE_CHARACTERS: Final = 500
_MAX_TITLE_CHARACTERS: Final = 60
_MAX_ABOUT_CHARACTERS: Final = 200
_MAX_CHOICES: Final = 100
_MAX_CHOICE_CHARACTERS: Final = 75
_MAX_TEXT_CHARACTERS: Final = 2_000
_MAX_LINK_CHARACTERS: Final = 2_000
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_KINDS: Final[Mapping[str, Kind]] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
}
_FORMATS: Final[Mapping[str, str]] = {
    "email": say("an address such as ann@example.org"),
    "uri": say("an address such as https://example.org"),
    "date": say("a date such as 2027-01-31"),
    "date-time": say("a date and a time such as 2027-01-31T09:00:00Z"),
}


class Unanswerable(Exception):
    """What a server asks is not put to anybody; `words` tell the person why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class FieldOption(Option):
    """A field of a server's form. `property` is the server's name of it, `values` are what it calls
    the choices. With `several` any number of them may be given, separated by commas."""

    property: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    several: bool = False
    min_length: int = 0
    format: str = ""

    def _check_text(self, value: str) -> None:
        # Not `super()`: a dataclass with slots is a new class.
        if not self.several:
            Option._check_text(self, value)
        elif unknown := [one for one in _split(value) if one not in self.values]:
            raise UsageError(
                say(
                    "{name} can be any of {choices}, not {value!r}.",
                    name=self.name,
                    choices=", ".join(self.values),
                    value=unknown[0][:40],
                )
            )
        if value.strip() and len(value) < self.min_length:
            least = self.min_length
            raise UsageError(
                say("{name} needs at least {least} characters.", name=self.name, least=least)
            )
        if value.strip() and not _has_format(value.strip(), self.format):
            about = _FORMATS[self.format]
            raise UsageError(say("{name} must be {about}.", name=self.name, about=about))

    def content(self, value: Value) -> Any:
        """A value as the server wants it."""
        if self.several:
            return [self.values[one] for one in _split(str(value))]
        return self.values.get(str(value), value) if self.values else value


def read_inquiry(server: str, params: Any) -> Inquiry:
    """Read what a server asks (the SDK's parameters). Raises `Unanswerable`."""
    words = one_line(params.message, _MAX_MESSAGE_CHARACTERS)
    if asks_for_a_secret(words):
        raise Unanswerable(_secret(server))
    link = getattr(params, "url", None)
    if link is not None:
        return Inquiry(server, _page_words(server, words, _checked(server, link)), (), str(link))
    options = _read_fields(server, params.requested_schema)
    return Inquiry(server, _form_words(server, words, options), options)


def content_of(inquiry: Inquiry, values: Mapping[str, Value | None]) -> dict[str, Any]:
    """What was filled in, by the server's own names; what is empty is left out."""
    found: dict[str, Any] = {}
    for option in inquiry.options:
        value = values.get(option.name)
        if isinstance(option, FieldOption) and value not in (None, ""):
            found[option.property] = option.content(value)
    return found


# --- words ---------------------------------------------------------------------------------------


def _form_words(server: str, words: str, options: Sequence[Option]) -> str:
    if not options:
        return _head(server, words)
    names = ", ".join(as_code(option.description) for option in options)
    asked = say("It wants to know: {names}.", names=names)
    hint = say("What you fill in goes to {server} alone. Never tell it a password.", server=server)
    return join_sentences([_head(server, words), asked, hint], "\n")


def _page_words(server: str, words: str, host: str) -> str:
    asked = say("It wants you to open a page at {host}.", host=as_code(host))
    return join_sentences([_head(server, words), asked], "\n")


def _head(server: str, words: str) -> str:
    if not words:
        return say("**{server}** asks you something before it goes on.", server=server)
    return say("**{server}** asks: {words}", server=server, words=as_code(words))


def _secret(server: str) -> str:
    return say("{server} asked for what may be a secret; I declined.", server=server)


# --- fields --------------------------------------------------------------------------------------


def _read_fields(server: str, schema: Any) -> tuple[FieldOption, ...]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or len(properties) > MAX_FIELDS:
        raise Unanswerable(say("{server} asked for too much; I declined.", server=server))
    wanted = schema.get("required")
    required = set(map(str, wanted[:MAX_FIELDS])) if isinstance(wanted, list) else set()
    found: dict[str, FieldOption] = {}
    for number, (name, node) in enumerate(properties.items(), 1):
        shown = name if _NAME.fullmatch(name) and name not in found else f"field{number}"
        try:
            found[shown] = _read_field(shown, name, node, required=name in required)
        except (ValueError, TypeError, KeyError, AttributeError):
            words = say("{server} asked in a way that cannot be shown; I declined.", server=server)
            raise Unanswerable(words) from None
        if _is_secret(name, node):
            raise Unanswerable(_secret(server))
    return tuple(found.values())


def _is_secret(name: str, node: Mapping[str, Any]) -> bool:
    told = (name, node.get("title"), node.get("description"))
    marked = node.get("format") == "password" or node.get("writeOnly") is True
    return marked or any(names_a_secret(one_line(one, _MAX_TEXT_CHARACTERS)) for one in told)


def _read_field(shown: str, name: str, node: Any, *, required: bool) -> FieldOption:
    """Read a field. Raises `ValueError` and `TypeError` for one that cannot be asked."""
    if not isinstance(node, Mapping):
        raise TypeError("a field is no object")
    several = node.get("type") == "array"
    values = _choices(node["items"] if several else node, node.get("enumNames"))
    if several and not values:
        raise ValueError("there is nothing to choose from")
    kind = "str" if several or values else _KINDS[_known(node.get("type"), _KINDS)]
    form = _known(node.get("format"), _FORMATS) if node.get("format") in _FORMATS else ""
    least, most = (_number(node.get(one)) for one in ("minLength", "maxLength"))
    return FieldOption(
        description=_about(name, node, values if several else {}, form),
        min_value=_number(node.get("minimum")),
        max_value=_number(node.get("maximum")),
        max_length=int(min(_MAX_TEXT_CHARACTERS, max(1, most or _MAX_TEXT_CHARACTERS))),
        name=shown,
        kind=kind,
        choices=() if several else tuple(values),
        required=required,
        default=_default(node.get("default"), kind, values, several=several),
        property=name,
        values=values,
        several=several,
        min_length=int(least or 0) if not (several or values) else 0,
        format=form,
    )


def _choices(node: Any, names: Any) -> dict[str, str]:
    """What can be chosen from, by what is shown of each."""
    titled = node.get("oneOf", node.get("anyOf"))
    if isinstance(titled, list):
        pairs = [(one.get("title", one["const"]), one["const"]) for one in titled]
    else:
        listed = node.get("enum", [])
        if not isinstance(listed, list):
            raise TypeError("choices are no list")
        same = isinstance(names, list) and len(names) == len(listed)
        pairs = list(zip(names if same else listed, listed, strict=True))
    shown = {one_line(title, _MAX_CHOICE_CHARACTERS): value for title, value in pairs}
    good = all(one and isinstance(value, str) for one, value in shown.items())
    if len(shown) != len(pairs) or len(shown) > _MAX_CHOICES or not good:
        raise ValueError("the choices cannot be told apart")
    return shown


def _default(given: Any, kind: Kind, values: Mapping[str, str], *, several: bool) -> Value | None:
    if several:
        chosen = given if isinstance(given, list) else []
        return ", ".join(shown for shown, value in values.items() if value in chosen) or None
    if values:
        return next((shown for shown, value in values.items() if value == given), None)
    fits: Mapping[Kind, tuple[type, ...]] = {
        "str": (str,),
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
    }
    if type(given) not in fits[kind]:
        return None
    return given[:_MAX_TEXT_CHARACTERS] if isinstance(given, str) else given


def _about(name: str, node: Mapping[str, Any], values: Mapping[str, str], form: str) -> str:
    title = one_line(node.get("title"), _MAX_TITLE_CHARACTERS)
    told = one_line(node.get("description"), _MAX_ABOUT_CHARACTERS)
    label = title or one_line(name.replace("_", " "), _MAX_TITLE_CHARACTERS) or "?"
    if values:
        told = ", ".join(filter(None, (told, say("any of: {all}", all=", ".join(values)))))
    elif form:
        told = told or _FORMATS[form]
    return lay_out("{label}: {told}", label=label, told=told) if told else label


def _known(word: Any, words: Mapping[str, Any]) -> str:
    if not isinstance(word, str) or word not in words:
        raise ValueError("unknown")
    return word


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) and abs(value) < 1e15 else None


def _split(value: str) -> list[str]:
    return [one for part in value.split(",") if (one := part.strip())]


def _has_format(value: str, form: str) -> bool:
    try:
        if form == "date":
            date.fromisoformat(value)
        elif form == "date-time":
            datetime.fromisoformat(value)
        elif form == "uri":
            return bool(urlsplit(value).scheme)
    except ValueError:
        return False
    return form != "email" or bool(value.rpartition("@")[0])


def _checked(server: str, link: Any) -> str:
    """The host of a page that somebody is asked to open. Raises `Unanswerable` for an address that
    is none, that does not show where it leads, or that others can read on the way."""
    words = say("{server} wanted to show an address that is not safe; I declined.", server=server)
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except (ValueError, TypeError, AttributeError):
        raise Unanswerable(words) from None
    plain = link.isascii() and link.isprintable() and not any(one in link for one in " <>`\\")
    near = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    good = plain and (parts.scheme == "https" or near) and "@" not in parts.netloc
    if not host or not good or len(link) > _MAX_LINK_CHARACTERS:
        raise Unanswerable(words)
    return host
