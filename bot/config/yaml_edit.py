"""One change to a text in YAML by ruamel.yaml, which keeps comments."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from bot.config.yaml_file import parse

_UNFOLDED_COLUMNS = 1_000_000
_PLAIN = re.compile(r"[\w./:@+-]+", re.ASCII)


class _Representer(RoundTripRepresenter):
    """Writes `null` where ruamel.yaml would write nothing."""


def _represent_none(representer: RoundTripRepresenter, _: None) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _represent_none)


def edited(
    text: str, path: Sequence[str], value: Any, comment: str | None, *, gone: bool
) -> tuple[str, str]:
    """Return the text as the library writes it, and so with `value` at `path`, or without the key
    where it is to be `gone`. Raises what ruamel.yaml raises, `TypeError` and `KeyError`."""
    library = _library(text)
    document = library.load(text)
    if document is None:  # there are only comments
        remarks = text if text.endswith("\n") or not text else f"{text}\n"
        document = CommentedMap()
    else:
        remarks = ""
    before = remarks or _dumped(library, document)
    here = document
    for name in path[:-1]:
        key = _key(here, name)
        if here.get(key) is None:
            here[_plain(key)] = CommentedMap()
        here = here[key]
    key = _key(here, path[-1])
    if gone:
        del here[key]
    else:
        _put(here, key, value, comment, len(path) - 1)
    return before, remarks + _dumped(library, document)


def _library(text: str) -> YAML:
    library = YAML()
    library.Representer = _Representer
    library.preserve_quotes = True
    library.width = _UNFOLDED_COLUMNS
    offset = _list_offset(text)
    library.indent(mapping=2, sequence=offset + 2, offset=offset)
    return library


def _list_offset(text: str) -> int:
    """How many columns the first list is to the right of its key; 2 where there is none."""
    key_column: int | None = None
    for line in text.splitlines():
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        column = len(line) - len(line.lstrip(" "))
        if key_column is not None and said.startswith("- "):
            return max(0, column - key_column)
        opens = said.partition(" #")[0].rstrip().endswith(":") and not said.startswith("-")
        key_column = column if opens else None
    return 2


def _dumped(library: YAML, document: Any) -> str:
    written = io.StringIO()
    library.dump(document, written)
    return written.getvalue()


def _key(mapping: Any, name: str) -> Any:
    """The key of that name as it is in the mapping: 8080 is a number there."""
    if not isinstance(mapping, CommentedMap):
        raise TypeError
    return next((key for key in mapping if str(key) == name), name)


def _put(mapping: CommentedMap, key: Any, value: Any, comment: str | None, depth: int) -> None:
    there = mapping.get(key)
    if isinstance(value, Mapping) and isinstance(there, CommentedMap) and there:
        for name in [name for name in there if str(name) not in value]:
            del there[name]
        for name, inner in value.items():
            _put(there, _key(there, name), inner, None, depth + 1)
    elif (
        isinstance(value, list)
        and isinstance(there, CommentedSeq)
        and there[:] == value[: len(there)]
    ):
        there.extend(map(_flow, value[len(there) :]))
    elif key not in mapping:
        _add(mapping, key, _block(value), comment, depth)
    elif there != value or type(there) is not type(value):
        mapping[key] = _block(value)


def _add(mapping: CommentedMap, key: Any, value: Any, comment: str | None, depth: int) -> None:
    mapping[_plain(key)] = value
    if comment and not mapping.fa.flow_style():
        mapping.yaml_set_comment_before_after_key(key, before=comment, indent=2 * depth)


def _block(value: Any) -> Any:
    """A mapping has a line for each key; whatever is in it is written in one line."""
    if isinstance(value, Mapping) and value:
        return CommentedMap({_plain(str(key)): _flow(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple) and value:
        return CommentedSeq(map(_flow, value))
    return _flow(value)


def _flow(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap({_plain(str(key)): _flow(inner) for key, inner in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(map(_flow, value))
        sequence.fa.set_flow_style()
        return sequence
    return _plain(value)


def _plain(value: Any) -> Any:
    """A text in quotation marks unless every reader of YAML takes it for a text without them."""
    if not isinstance(value, str):
        return value
    try:
        if _PLAIN.fullmatch(value) and parse(value) == value:
            return value
    except (yaml.YAMLError, ValueError):
        pass
    return DoubleQuotedScalarString(value)
