"""Validates calls against Slack's own descriptions, where those are present."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs" / "slack" / "methods"

_BY_THE_CLIENT = {"token", "team_id"}
"""Bolt and the SDK add these to any call by themselves."""

_MAY_BE_EMPTY = {("assistant.threads.setStatus", "status")}
"""An empty status takes the line away."""

_LIMITS = {"text": 40_000, "markdown_text": 12_000}


class Wrong(AssertionError):
    """A call that Slack's own description does not allow."""


@functools.cache
def _method(name: str) -> Mapping[str, Any] | None:
    path = _SPECS / name.split(".")[0] / f"{name}.json"
    if not path.is_file():
        return None
    loaded: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def check_call(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise `Wrong` for a missing, unknown or too long argument."""
    for key, limit in _LIMITS.items():
        if len(str(arguments.get(key, ""))) > limit:
            raise Wrong(f"{name}: {key} has more than {limit} characters")
    _check_blocks(name, arguments.get("blocks"))
    method = _method(name)
    if method is None:
        return
    known = method.get("args") or {}
    unknown = [key for key in arguments if key not in known and key not in _BY_THE_CLIENT]
    if unknown:
        raise Wrong(f"{name}: unknown argument {unknown[0]!r}")
    missing = [
        key
        for key, rule in known.items()
        if rule.get("required")
        and key != "token"
        and arguments.get(key) in (None, "")
        and not (arguments.get(key) == "" and (name, key) in _MAY_BE_EMPTY)
    ]
    if missing:
        raise Wrong(f"{name}: missing argument {missing[0]!r}")


def check_error(name: str, error: str) -> None:
    """Raise `Wrong` for an error that the method does not return: a test that injects it lies."""
    method = _method(name)
    if method is not None and error not in (method.get("errors") or {}):
        raise Wrong(f"{name} never returns {error!r}")


def check_previews(name: str, arguments: Mapping[str, Any]) -> None:
    """Slack fetches what a new message links to, unless it is told not to."""
    for switch in ("unfurl_links", "unfurl_media") if name == "chat.postMessage" else ():
        if str(arguments.get(switch, "")).lower() not in {"false", "0"}:
            raise Wrong(f"{name}: links are previewed, as {switch} is not off")


def _check_blocks(name: str, blocks: Any) -> None:
    if isinstance(blocks, str):
        blocks = json.loads(blocks)
    if not blocks:
        return
    if len(blocks) > 50:
        raise Wrong(f"{name}: {len(blocks)} blocks, where 50 are allowed")
    markdown = 0
    for block in blocks:
        if block["type"] == "section" and len((block.get("text") or {}).get("text", "")) > 3000:
            raise Wrong(f"{name}: a section of more than 3,000 characters")
        if block["type"] == "markdown":
            markdown += len(block["text"])
        if (what := _wrong_elements(block)) is not None:
            raise Wrong(f"{name}: {what}")
    if markdown > 12_000:
        raise Wrong(f"{name}: markdown blocks of more than 12,000 characters")


def _wrong_elements(block: Mapping[str, Any]) -> str | None:
    """What Block Kit's reference says of the elements in a block."""
    elements = block.get("elements") or []
    most = {"context": 10, "actions": 25, "context_actions": 5}.get(block["type"], len(elements))
    if not elements and block["type"] in {"context", "actions", "context_actions"}:
        return f"a block {block['type']} without elements"
    if len(elements) > most:
        return f"a block {block['type']} of more than {most} elements"
    for element in elements:
        if block["type"] == "context" and len(element.get("text", "")) > 3000:
            return "a context element of more than 3,000 characters"
        if len(str(element.get("value", ""))) > 2000:
            return "a button's value of more than 2,000 characters"
        kind = element.get("type")
        if block["type"] == "context_actions" and kind not in {"feedback_buttons", "icon_button"}:
            return f"an element {kind} in a block context_actions"
        if kind == "icon_button" and element.get("icon") != "trash":
            return "an icon other than trash"
    return None
