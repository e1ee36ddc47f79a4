"""Discord's own description of its API, to hold every request against, where it is at hand."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

MAX_CONTENT = 2000
MAX_EMBEDS = 6000
SUPPRESS_EMBEDS = 4
_SHOWS = re.compile(r"/(channels/\d+/messages|webhooks/\d+/[^/]+)(/messages/[^/]+|/\d+)?\Z")
"""Paths by which a message is made or changed."""
_ANSWERS = frozenset({4, 7})
"""Kinds of answers to an interaction that show a message."""
_FILE = Path(__file__).parents[4] / "shared" / "specs" / "discord" / "openapi.json"
_ROOT = "urn:discord"


@cache
def _document() -> dict[str, Any] | None:
    if not _FILE.is_file():
        return None
    document: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return document


@cache
def _registry() -> Registry[Any]:
    resource = DRAFT202012.create_resource(_document())
    registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
    return registry


@cache
def _paths() -> tuple[tuple[re.Pattern[str], str], ...]:
    document = _document()
    assert document is not None
    found = []
    for path in document["paths"]:
        pattern = "".join(
            "[^/]+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", path)
        )
        found.append((re.compile(pattern + r"\Z"), path))
    # A literal segment is meant rather than a parameter.
    return tuple(sorted(found, key=lambda item: item[1].count("{")))


@cache
def _validator(path: str, method: str) -> Draft202012Validator | None:
    document = _document()
    assert document is not None
    content = document["paths"][path][method].get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None
    steps = (path.replace("~", "~0").replace("/", "~1"), method, "requestBody", "content")
    pointer = "/".join(("paths", *steps, "application~1json", "schema"))
    return Draft202012Validator({"$ref": f"{_ROOT}#/{pointer}"}, registry=_registry())


def problems(method: str, path: str, body: Any) -> list[str]:
    """What is wrong with a request, by the specification and the limit on messages."""
    found = []
    if isinstance(body, dict) and (embeds := (body.get("data") or body).get("embeds")):
        whole = sum(len(e.get("title", "")) + len(e.get("description", "")) for e in embeds)
        if whole > MAX_EMBEDS:
            found.append(f"{method} {path}: {whole} characters in embeds")
    if _may_preview(method, path, body):
        found.append(f"{method} {path}: links are previewed")
    if isinstance(body, dict) and isinstance(content := body.get("content"), str):
        if len(content) > MAX_CONTENT:
            found.append(f"{method} {path}: {len(content)} characters")
        if method == "POST" and not content.strip() and not body.get("attachments"):
            found.append(f"{method} {path}: an empty message")
    if _document() is None:
        return found
    known = next(
        (name for pattern, name in _paths() if pattern.match(path) and method.lower() in _of(name)),
        None,
    )
    if known is None:
        return [*found, f"{method} {path}: no such endpoint"]
    if body is not None:
        body = json.dumps(_with_habits(body), sort_keys=True)
        found += [f"{method} {path}: {error}" for error in _errors(known, method.lower(), body)]
    return found


@lru_cache(maxsize=500)
def _errors(path: str, method: str, body: str) -> Sequence[str]:
    """What is wrong with a body, which is JSON. Kept, as each bot that starts sends the same
    commands, and to read them takes long."""
    validator = _validator(path, method)
    if validator is None:
        return ()
    errors = validator.iter_errors(json.loads(body))
    return tuple(f"{error.json_path}: {error.message[:300]}" for error in errors)


def _may_preview(method: str, path: str, body: Any) -> bool:
    """Whether a message is shown without the flag that keeps Discord from fetching its links. With
    embeds of its own it has none, as the flag would hide those: then nothing in it is a link."""
    if not isinstance(body, dict) or method not in {"POST", "PATCH"}:
        return False
    shown: Any = body
    if path.startswith("/interactions/"):
        shown = (body.get("data") or {}) if body.get("type") in _ANSWERS else None
    elif not _SHOWS.match(path):
        return False
    if shown is None or (shown.get("flags") or 0) & SUPPRESS_EMBEDS:
        return False
    return not shown.get("embeds") or "://" in json.dumps(shown.get("content"))


def _of(path: str) -> set[str]:
    document = _document()
    assert document is not None
    return set(document["paths"][path])


def _with_habits(body: Any) -> Any:
    """discord.py writes a few ids as numbers, which Discord takes."""
    body = copy.deepcopy(body)
    if isinstance(body, dict):
        if "recipient_id" in body:
            body["recipient_id"] = str(body["recipient_id"])
        inner = body.get("data") or {}
        attached = [*(body.get("attachments") or ()), *(inner.get("attachments") or ())]
        for attachment in attached:
            attachment["id"] = str(attachment["id"])
        reference = body.get("message_reference")
        if reference:
            for name in ("message_id", "channel_id", "guild_id"):
                if reference.get(name) is not None:
                    reference[name] = str(reference[name])
    return body
