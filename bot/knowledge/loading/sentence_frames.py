"""Writes a sentence as data, and reads it: for the answers of the child process.

The template and the values go over, so that the sentence can be told in its reader's language. What
comes may be hostile: a template that does more than to show its values is not used as one.
"""

from __future__ import annotations

import re
import string
from typing import Any

from bot.catalogue.sentence import Sentence

_MAX_CHARACTERS = 1_000
_MAX_VALUES = 20
_MAX_DEPTH = 3
_MAX_NUMBER = 2**53
_FORM = re.compile(r",?(?:\.\d{1,3})?[dfs]?")


def encode_sentence(text: str) -> Any:
    """Returns a text as JSON can write it, with template and values where it is a sentence."""
    if not isinstance(text, Sentence):
        return str(text)
    values = {name: _encode_value(value) for name, value in text.values.items()}
    return [str.__str__(text), text.key, text.plural, values]


def decode_sentence(written: Any) -> str:
    """Returns what `encode_sentence` wrote; no more than its text where the rest is not usable."""
    return _decode(written, _MAX_DEPTH)


def _encode_value(value: Any) -> Any:
    if isinstance(value, Sentence):
        return encode_sentence(value)
    return value if isinstance(value, int | float) else str(value)


def _decode(written: Any, depth: int) -> str:
    if not isinstance(written, list):
        return str(written)[:_MAX_CHARACTERS]
    text = str(written[0] if written else "")[:_MAX_CHARACTERS]
    try:
        _, key, plural, values = written
        read = {str(name): _decode_value(value, depth - 1) for name, value in values.items()}
        if len(read) > _MAX_VALUES or (plural and not isinstance(read["n"], int)):
            return text
        one = not plural or read["n"] == 1
        filled = [_fill(str(template)[:_MAX_CHARACTERS], read) for template in (key, plural)]
        return Sentence(filled[0 if one else 1], str(key), str(plural), read)
    except (ValueError, TypeError, LookupError, AttributeError):
        return text


def _decode_value(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        if depth <= 0:
            raise ValueError("sentences within sentences")
        return _decode(value, depth)
    if isinstance(value, int | float):
        if not abs(value) < _MAX_NUMBER:
            raise ValueError("too large a number")
        return value
    return str(value)[:_MAX_CHARACTERS]


def _fill(template: str, values: dict[str, Any]) -> str:
    """A template with its values. Raises `ValueError` if it is too long or reaches into them."""
    if not values:
        return template
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is not None:
            simple = name in values and conversion in (None, "r")
            if not simple or _FORM.fullmatch(form or "") is None:
                raise ValueError("no template of a sentence")
    filled = template.format_map(values)
    if len(filled) > _MAX_CHARACTERS:
        raise ValueError("too long a sentence")
    return filled
