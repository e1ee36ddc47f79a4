"""Prompt templates: Jinja files, with variants for models, overridable by the operator.

A task `ask` is rendered from `ask.small.j2` for a model that is known to be small, where there is
one, from `ask.<family>.j2` for a family, else from `ask.j2`. Folders are looked through in order,
the operator's own first: a file there replaces every shipped one of that task, variants included,
unless it is itself a variant.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Final

import jinja2
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backends.base import Capabilities
from bot.errors import PluginError
from bot.prompting.foreign_text import (
    Foreign,
    fence,
    inline,
    number_passages,
    text_of,
    wrap_foreign,
)

_SUFFIX = ".j2"
_SMALL = "small"
_FAMILY = re.compile(r"[a-z0-9]+")
_MAX_COMPILED_TEMPLATES: Final = 500
"""Most templates whose code is kept. About 50 ship."""


class _CompiledTemplates(jinja2.BytecodeCache):
    """The code of the templates that were compiled, by their names and texts: of several bots that
    a process opens only the first compiles what all have. What depends on an environment's key must
    not be in it: Jinja evaluates what is constant as it compiles, but for `pass_context`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._kept) >= _MAX_COMPILED_TEMPLATES:
            self._kept.clear()
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


_COMPILED: Final = _CompiledTemplates()


class JinjaPrompts:
    """Renders prompts in a sandbox; a template that uses an unknown value is an error.

    Every text among the values is foreign (`bot.prompting.foreign_text`), unless it is `Trusted`.
    All templates are read and compiled in the constructor, so rendering opens no file. Raises
    `PluginError` for a folder that cannot be read and a template that does not compile.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._layers = [_read_folder(folder) for folder in folders]
        merged: dict[str, str] = {}
        for layer in reversed(self._layers):
            merged.update(layer)
        self._environment = _Environment(jinja2.DictLoader(merged), secrets.token_bytes(16))
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

    def render(self, task: str, model: Capabilities | str = "", /, **values: Any) -> str:
        """Render a task for a model, of which at least the family is given.

        Raises `PluginError` if there is no template.
        """
        name = self._find(task, model)
        try:
            return self._environment.rendered(name, values).strip()
        except (jinja2.TemplateError, TypeError, AttributeError, LookupError) as exc:
            raise PluginError(f"The prompt {name} cannot be rendered: {exc}.") from exc

    def _find(self, task: str, model: Capabilities | str) -> str:
        variants = [f"{task}.{variant}" for variant in _variants(model)]
        names = [name + _SUFFIX for name in (*variants, task)]
        for layer in self._layers:
            for name in names:
                if name in layer:
                    return name
        raise PluginError(f"There is no prompt {task}{_SUFFIX} in the folders of prompts.")


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which every text that a template is given, or reaches from what it is given, is
    foreign."""

    def __init__(self, loader: jinja2.BaseLoader, key: bytes) -> None:
        super().__init__(
            loader=loader,
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # prompts are text for a model, not a page
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=_COMPILED,
            finalize=self._written,
        )
        self._key = key
        self.filters |= {
            "fence": self._fence,
            "inline": lambda text: inline(str(text_of(text))),
            "numbered": self._numbered,
            "trim": _trim,
        }

    @jinja2.pass_context
    def _fence(self, _: Context, text: Any, label: str = "text") -> str:
        return fence(str(text_of(text)), label, self._key)

    @jinja2.pass_context
    def _numbered(self, _: Context, passages: Any) -> str:
        return number_passages(passages, self._key)

    def rendered(self, name: str, values: Mapping[str, Any]) -> str:
        given = {each: wrap_foreign(value, self._key) for each, value in values.items()}
        return self.get_template(name).render(given)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._reached(obj, super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._reached(obj, super().getitem(obj, argument))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", __obj)
        return __self._reached(owner, super().call(__context, __obj, *args, **kwargs))

    def _reached(self, owner: Any, value: Any) -> Any:
        """What a template finds in what it was given; lists and mappings are foreign already, and
        what a template says itself is not."""
        if isinstance(owner, str | list | tuple | Mapping | type | Foreign | jinja2.Undefined):
            return value
        if type(owner).__module__.startswith("jinja2"):
            return value
        return wrap_foreign(value, self._key)

    @jinja2.pass_context
    def _written(self, _: Context, value: Any) -> Any:
        """What is printed: an object prints itself in words that are not ours."""
        plain = value is None or isinstance(value, str | int | float | Foreign | jinja2.Undefined)
        return (
            value
            if plain or isinstance(value, list | dict)
            else wrap_foreign(str(value), self._key)
        )


def _trim(text: Any, *characters: str) -> Any:
    """Jinja's own filter makes a string of what it is given."""
    return (text if isinstance(text, Foreign) else str(text)).strip(*characters)


def _variants(model: Capabilities | str) -> Sequence[str]:
    """The variant for small models, the family as it is named, then its leading words: `qwen2.5` is
    also `qwen2` and `qwen`."""
    if not isinstance(model, str):
        return [*([_SMALL] if model.small else ()), *_variants(model.family)]
    name = model.strip().lower()
    if not name:
        return ()
    shorter = [match[0] for match in [_FAMILY.match(name)] if match]
    letters = [shorter[0].rstrip("0123456789")] if shorter else []
    return [one for one in dict.fromkeys([name, *shorter, *letters]) if one]


def _read_folder(folder: Path) -> Mapping[str, str]:
    try:
        return {
            file.name: file.read_text(encoding="utf-8")
            for file in sorted(folder.glob(f"*{_SUFFIX}"))
        }
    except (OSError, UnicodeDecodeError) as exc:
        raise PluginError(f"The folder of prompts {folder} cannot be read: {exc}.") from exc
