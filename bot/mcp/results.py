"""What a server's tool returned, as a text for the model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mcp_types import (
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

MAX_CHARACTERS: Final = 100_000
"""Longest text that is made of a result; the model's window has room for less."""
_MAX_BLOCKS: Final = 200


def text_of(result: CallToolResult) -> str:
    """Return the texts of a result, with a word for each thing that is none."""
    text = "\n".join(_within(_texts(result.content[:_MAX_BLOCKS])))
    left = len(result.content) - _MAX_BLOCKS
    if left > 0:
        text += f"\n[{left} more parts]"
    if not text.strip() and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)[:MAX_CHARACTERS]
    return text


def _texts(content: Iterable[Any]) -> Iterator[str]:
    for block in content:
        if isinstance(block, TextContent):
            yield block.text
        elif isinstance(block, ImageContent):
            yield "[picture]"
        elif isinstance(block, AudioContent):
            yield "[sound]"
        elif isinstance(block, ResourceLink):
            yield f"[resource {block.name}: {block.uri}]"
        elif isinstance(block, EmbeddedResource):
            inner = block.resource
            yield inner.text if isinstance(inner, TextResourceContents) else f"[file {inner.uri}]"
        else:
            yield "[something that is no text]"


def _within(texts: Iterable[str]) -> Iterator[str]:
    left = MAX_CHARACTERS
    for text in texts:
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return
