"""How models mark their thoughts.

Some models think before they answer. A server may send the thoughts in a field of their own
(`Chunk.thinking`); otherwise they stand between two marks. They are never part of the answer: they
are not shown as text, and no history stores them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

_TAG_NAMES: Final = ("think", "thinking", "thought", "seed:think", "mm:think", "longcat_think")

THINKING_TAGS: Final = (
    *((f"<{name}>", f"</{name}>") for name in _TAG_NAMES),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought\n", "<channel|>"),
)
"""What stands before and after thoughts: of Qwen, DeepSeek and most others (`<think>`); Seed,
MiniMax, LongCat; Mistral, Kimi, Command-R, Gemma 4. A tag in angle brackets may have attributes."""

TAG_WITH_ATTRIBUTES_PATTERN: Final = rf"<(?:{'|'.join(_TAG_NAMES)})\s[^<>]{{0,128}}"
"""The beginning of an opening tag with attributes, without its last bracket."""

TEMPLATE_THINKING_SWITCHES: Final = {"enable_thinking": False, "thinking": False}
"""What chat templates are told where a model is not to think: Qwen's name for it, DeepSeek's."""


def _parse_yaml_boolean(value: Any) -> Any:
    """YAML reads `off` as no, and `on` as yes."""
    return {False: "off", True: "auto"}.get(value, value) if isinstance(value, bool) else value


Thinking = Annotated[Literal["auto", "off", "show"], BeforeValidator(_parse_yaml_boolean)]
"""auto: thoughts are told apart and dropped. off: the model is told not to think. show: they are
handed on beside the answer."""


def find_open_tag(prompt: str) -> str:
    """Return the tag that a prompt ends with if the answer begins inside thoughts, else ""."""
    end = prompt[-64:].rstrip()
    return next((tag for tag, _ in THINKING_TAGS if end.endswith(tag.rstrip())), "")


def closing_tag(tag: str) -> str:
    """Return the closing tag that belongs to an opening tag, which may have attributes."""
    name = re.match(r"<([\w:]+)\s", tag)
    return f"</{name[1]}>" if name else dict(THINKING_TAGS)[tag]


def is_thinking_template(template: str) -> bool:
    """Return whether a chat template belongs to a model that thinks."""
    return "enable_thinking" in template or any(
        tag.rstrip() in template for tag, _ in THINKING_TAGS
    )
