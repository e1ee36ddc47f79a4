"""Prompt templates: Jinja files, a variant for each model family, overridable by the operator.

A task `ask` is rendered from `ask.<family>.j2` where there is one for the model's family, else from
`ask.j2`. Folders are looked through in order, the operator's own first: a file there replaces every
shipped one of that task, variants included, unless it is itself a variant.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.errors import PluginError

_SUFFIX = ".j2"
_FAMILY = re.compile(r"[a-z0-9]+")


class JinjaPrompts:
    """Renders prompts in a sandbox; a template that uses an unknown value is an error.

    All templates are read and compiled when it is made, so rendering opens no file. Raises
    `PluginError` for a folder that cannot be read and a template that does not compile.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._layers = [_read(folder) for folder in folders]
        merged: dict[str, str] = {}
        for layer in reversed(self._layers):
            merged.update(layer)
        key = secrets.token_bytes(16)
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.DictLoader(merged),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # prompts are text for a model, not a page
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["fence"] = lambda text, label="text": fence(text, label, key)
        for name in merged:
            try:
                self._environment.get_template(name)
            except jinja2.TemplateSyntaxError as exc:
                raise PluginError(
                    f"The prompt {name} has an error in line {exc.lineno}: {exc.message}"
                ) from exc

    def tasks(self) -> Sequence[str]:
        """Names of the templates, for an operator who wants to override one."""
        return sorted({name for layer in self._layers for name in layer})

    def render(self, task: str, family: str = "", /, **values: Any) -> str:
        """Render `<task>.<family>.j2` or `<task>.j2`. Raises `PluginError` if neither exists."""
        name = self._find(task, family)
        try:
            return self._environment.get_template(name).render(values).strip()
        except jinja2.TemplateError as exc:
            raise PluginError(f"The prompt {name} cannot be rendered: {exc.message}.") from exc

    def _find(self, task: str, family: str) -> str:
        names = [f"{task}.{variant}{_SUFFIX}" for variant in _variants(family)] + [task + _SUFFIX]
        for layer in self._layers:
            for name in names:
                if name in layer:
                    return name
        raise PluginError(f"There is no prompt {task}{_SUFFIX} in the folders of prompts.")


def fence(text: str, label: str, key: bytes) -> str:
    """Text that is data, between marks that it cannot contain: nobody outside knows the key.

    The marks depend on the text alone, so the same prompt is the same tokens each time.
    """
    mark = hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:8]
    return f"<{label}-{mark}>\n{text.replace(mark, '')}\n</{label}-{mark}>"


def _variants(family: str) -> Sequence[str]:
    """The family as it is named, then its leading words: `qwen2.5` is also `qwen2` and `qwen`."""
    name = family.strip().lower()
    if not name:
        return ()
    shorter = [match[0] for match in [_FAMILY.match(name)] if match]
    letters = [shorter[0].rstrip("0123456789")] if shorter else []
    return [one for one in dict.fromkeys([name, *shorter, *letters]) if one]


def _read(folder: Path) -> Mapping[str, str]:
    try:
        return {
            file.name: file.read_text(encoding="utf-8")
            for file in sorted(folder.glob(f"*{_SUFFIX}"))
        }
    except (OSError, UnicodeDecodeError) as exc:
        raise PluginError(f"The folder of prompts {folder} cannot be read: {exc}.") from exc
