"""Loads Jupyter notebooks: the text and code of their cells, without the outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.errors import Refused
from bot.skills.document_loader import Loaded, Loader, find_first_heading
from bot.skills.document_tree import fence_code
from bot.web.decoding import decode


def _load_notebook(data: bytes, name: str) -> Loaded:
    """Text cells as they are, code cells in fences of the notebook's language."""
    try:
        notebook = json.loads(decode(data).lstrip("\ufeff"))
        text = "\n\n".join(_cells(notebook))
        title = _mapping(notebook, "metadata").get("title")
    except (ValueError, TypeError, AttributeError) as exc:
        raise Refused(f"{name[:100]} is damaged or no notebook, and cannot be read.") from exc
    title = title if isinstance(title, str) else ""
    return Loaded(text, " ".join(title.split())[:200] or find_first_heading(text))


def _cells(notebook: Mapping[str, Any]) -> Iterator[str]:
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
            yield fence_code(source, str(language or cell.get("language") or ""))
        elif kind == "heading":
            yield f"{'#' * min(max(int(cell.get('level', 1)), 1), 6)} {' '.join(source.split())}"
        else:
            yield source


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
    return inner if isinstance(inner, Mapping) else {}


NOTEBOOK = Loader(
    "notebook", frozenset({".ipynb"}), _load_notebook, frozenset({"application/x-ipynb+json"})
)
