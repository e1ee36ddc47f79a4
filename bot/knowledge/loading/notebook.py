"""Loads Jupyter notebooks: the text and code of their cells, without the outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.markup.markdown import read_markdown
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Code, Heading
from bot.web.decoding import decode


def load_notebook(data: bytes, name: str) -> Loaded:
    """Text cells as Markdown, code cells as listings in the notebook's language."""
    try:
        notebook = json.loads(decode(data).lstrip("\ufeff"))
        blocks = tuple(_cells(notebook))
        title = _mapping(notebook, "metadata").get("title")
    except (ValueError, TypeError, AttributeError) as exc:
        raise Refused(
            say("{name} is damaged or no notebook, and cannot be read.", name=name[:100])
        ) from exc
    return Loaded("", title if isinstance(title, str) else "", blocks)


def _cells(notebook: Mapping[str, Any]) -> Iterator[Block]:
    about = _mapping(notebook, "metadata")
    language = _mapping(about, "language_info").get("name")
    language = language or _mapping(about, "kernelspec").get("language")
    sheets = [notebook, *notebook.get("worksheets", ())]  # where cells were before format 4
    for cell in (cell for sheet in sheets for cell in sheet.get("cells", ())):
        kind = cell.get("cell_type")
        source = cell.get("source", cell.get("input", ""))
        source = "".join([source] if isinstance(source, str) else source).strip("\n")
        if not source.strip():
            continue
        if kind == "code":
            yield Code(source, str(language or cell.get("language") or "")[:40])
        elif kind == "heading":
            level = min(max(int(cell.get("level", 1)), 1), 6)
            yield Heading(level, " ".join(source.split()))
        else:
            yield from read_markdown(source)


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
    return inner if isinstance(inner, Mapping) else {}
