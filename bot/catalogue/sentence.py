"""A sentence for people: English as a string, with what another language needs to say it again.

Every sentence that is shown in a chat is made by `say` or `say_number`, so `parlance.pot` lists it.
Whoever makes one need not know the reader: `languages.translate` puts it into words for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

_NO_VALUES: Mapping[str, Any] = MappingProxyType({})


class Sentence(str):
    """An English sentence that knows its template and values.

    `key` is the template, `"{name} is empty."`, and `plural` that for several of `values["n"]`, or
    empty. Values that are sentences are translated, too. Every operation of `str` returns a plain
    string, which is shown in English in every language.
    """

    __slots__ = ("key", "plural", "values")

    key: str
    plural: str
    values: Mapping[str, Any]

    def __new__(
        cls, text: str, key: str = "", plural: str = "", values: Mapping[str, Any] = _NO_VALUES
    ) -> Sentence:
        made = super().__new__(cls, text)
        made.key, made.plural, made.values = key or text, plural, values
        return made

    def __str__(self) -> str:
        """The sentence itself, so that an error's `str` is still one that can be translated."""
        return self


def name_of_command(name: str) -> Sentence:
    """What a command is called where a platform can show its name in other languages. Its key says
    that it is a name."""
    return Sentence(name, f"command:{name}")


def say(text: str, /, **values: Any) -> Sentence:
    """Make a sentence of a template with named values: `say("{name} is empty.", name=name)`.

    Values are formatted as `str.format` does; a literal brace is written twice where there are
    values.
    """
    return Sentence(text.format_map(values) if values else text, text, "", values)


def say_number(one: str, many: str, n: int, /, **values: Any) -> Sentence:
    """Make a sentence that depends on a number, `{n}` in both templates; `one` is said of 1."""
    values["n"] = n
    return Sentence((one if n == 1 else many).format_map(values), one, many, values)


def lay_out(template: str, /, **values: Any) -> Sentence:
    """Arrange sentences and values by a template that has no words of its own, such as
    `"**{name}** ({state})"`: the sentences are translated, the template is not."""
    return Sentence(template.format_map(values), template, "", values)


def join_sentences(parts: Iterable[str], between: str = " ") -> Sentence:
    """Join sentences, those that are not empty, to one that is translated part by part."""
    named = {f"part{number}": part for number, part in enumerate(filter(None, parts))}
    key = between.replace("{", "{{").replace("}", "}}").join(f"{{{name}}}" for name in named)
    return Sentence(between.join(named.values()), key, "", named)
