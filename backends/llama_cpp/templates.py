"""From messages to token ids: the model's own chat template, or a named format.

The template is a program that comes with the model file, so it runs in Jinja's sandbox. What people
wrote is never read as control tokens, whatever it looks like. Token ids of a conversation's earlier
turns are kept rather than made again, since a model does not always write the tokens that a
tokenizer would choose for the same text, and one different id costs the whole cache behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backends.base import ChatMessage
from backends.errors import InvalidRequest

_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA_2 = (
    "{% set ns = namespace(system='') %}"
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{% set ns.system = m.content %}"
    "{% elif m.role == 'assistant' %} {{ m.content }} {{ eos_token }}"
    "{% else %}{{ bos_token }}[INST] "
    "{% if ns.system %}<<SYS>>\n{{ ns.system }}\n<</SYS>>\n\n{% set ns.system = '' %}{% endif %}"
    "{{ m.content }} [/INST]{% endif %}{% endfor %}"
)
_LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_MISTRAL = (
    "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
    "{% if m.role == 'system' %}{% set ns.system = m.content ~ '\n\n' %}"
    "{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
    "{% else %}[INST] {{ ns.system }}{{ m.content }} [/INST]{% set ns.system = '' %}{% endif %}"
    "{% endfor %}"
)
_GEMMA = (
    "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
    "{% if m.role == 'system' %}{% set ns.system = m.content ~ '\n\n' %}{% else %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n"
    "{% if m.role != 'assistant' %}{{ ns.system }}{% set ns.system = '' %}{% endif %}"
    "{{ m.content }}<end_of_turn>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
_ZEPHYR = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_PHI_3 = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_VICUNA = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }} "
    "{% elif m.role == 'assistant' %}ASSISTANT: {{ m.content }}{{ eos_token }}"
    "{% else %}USER: {{ m.content }} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
_ALPACA = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n\n"
    "{% elif m.role == 'assistant' %}### Response:\n{{ m.content }}{{ eos_token }}\n\n"
    "{% else %}### Instruction:\n{{ m.content }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)

FORMATS: Mapping[str, str] = {
    "chatml": _CHATML,
    "llama-2": _LLAMA_2,
    "llama-3": _LLAMA_3,
    "mistral": _MISTRAL,
    "gemma": _GEMMA,
    "zephyr": _ZEPHYR,
    "phi-3": _PHI_3,
    "vicuna": _VICUNA,
    "alpaca": _ALPACA,
}
"""The named formats, for models whose file brings no template."""

_FAMILY_MARKS = (
    ("<|im_start|>", "chatml"),
    ("<|start_header_id|>", "llama-3"),
    ("<start_of_turn>", "gemma"),
    ("<<SYS>>", "llama-2"),
    ("[INST]", "mistral"),
    ("<|end|>", "phi-3"),
    ("<|user|>", "zephyr"),
)
_SENTINEL = 0xE000  # private-use characters stand for control-token names within a message
_SENTINELS = 256


def family_of(template: str) -> str:
    """The named format that a template resembles, or ""."""
    return next((name for mark, name in _FAMILY_MARKS if mark in template), "")


class Tokenizer(Protocol):
    """What a template needs of a model."""

    bos: str
    eos: str
    adds_bos: bool
    spm: bool

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def is_control(self, token: int) -> bool: ...


class ChatTemplate:
    """A model's template, compiled once.

    `name` is a named format; without it `source`, the file's own template, is used.
    Raises `InvalidRequest` for an unknown name, or where there is no template at all.
    """

    def __init__(self, model: Tokenizer, source: str | None, name: str | None = None) -> None:
        if name is not None and name not in FORMATS:
            raise InvalidRequest(
                f"There is no chat format named {name!r}; choose one of {', '.join(FORMATS)}."
            )
        text = FORMATS[name] if name is not None else source
        if text is None:
            raise InvalidRequest(
                "The model file brings no chat template; set chat_format to one of "
                f"{', '.join(FORMATS)}."
            )
        self._model = model
        self.family = name or family_of(text)
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        try:
            self._template = environment.from_string(text)
        except TemplateError as error:
            raise InvalidRequest(
                "The model file's chat template cannot be read; set chat_format to one of "
                f"{', '.join(FORMATS)}."
            ) from error

    def encode(self, messages: Sequence[ChatMessage], known: Sequence[int] = ()) -> list[int]:
        """Token ids of the messages as a prompt, up to where the answer begins.

        `known` are the ids that the conversation's sequence holds already: where the prompt's text
        begins as theirs does, they are taken over as they are.
        """
        safe, names = self._neutralise(messages)
        text = self._render(safe)
        kept, start = self._keep(text.encode(), known)
        bos = not kept and self._model.adds_bos and not text.startswith(self._model.bos or "\0")
        rest = text.encode()[start:].decode() if start else text
        return [*kept, *self._tokenize(rest, names, bos=bos)]

    def text(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt as text, for an engine with a tokenizer of its own."""
        return self._render([{"role": each.role, "content": each.content} for each in messages])

    # -- rendering -------------------------------------------------------------------------------

    def _render(self, messages: list[dict[str, Any]]) -> str:
        attempts = (messages, _system_into_user(messages))
        for number, attempt in enumerate(attempts, 1):
            try:
                return self._template.render(
                    messages=attempt,
                    add_generation_prompt=True,
                    bos_token=self._model.bos,
                    eos_token=self._model.eos,
                    tools=None,
                )
            # A template is somebody's program; whatever it raises means that it does not take
            # these messages. Many refuse a system message, so that is tried without one.
            except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
                if number == len(attempts):
                    raise InvalidRequest(
                        "The model's chat template does not accept these messages."
                    ) from error
        raise AssertionError("unreachable")

    # -- what people wrote is text, not control tokens -------------------------------------------

    def _neutralise(
        self, messages: Sequence[ChatMessage]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Replace the names of control tokens within messages by single private characters."""
        names: list[str] = []
        safe: list[dict[str, Any]] = []
        for message in messages:
            content = message.content
            for code in range(_SENTINEL, _SENTINEL + _SENTINELS):
                content = content.replace(chr(code), "\ufffd")
            for name in self._control_names(content):
                if name not in names and len(names) < _SENTINELS:
                    names.append(name)
                content = content.replace(name, chr(_SENTINEL + names.index(name)))
            safe.append({"role": message.role, "content": content})
        return safe, names

    def _control_names(self, content: str) -> list[str]:
        if not any(mark in content for mark in "<[|{"):
            return []
        found = {t for t in self._model.tokenize(content) if self._model.is_control(t)}
        names = {self._model.piece(t).decode("utf-8", "replace") for t in found}
        return sorted((n for n in names if n), key=len, reverse=True)

    def _tokenize(self, text: str, names: list[str], *, bos: bool) -> list[int]:
        if not names:
            return self._model.tokenize(text, bos=bos)
        tokens: list[int] = []
        piece = ""
        for char in text:
            index = ord(char) - _SENTINEL
            if 0 <= index < len(names):
                if piece:
                    tokens += self._model.tokenize(piece, bos=bos and not tokens)
                tokens += self._model.tokenize(names[index], special=False)
                piece = ""
            else:
                piece += char
        return tokens + (self._model.tokenize(piece, bos=bos and not tokens) if piece else [])

    # -- keeping the ids of earlier turns --------------------------------------------------------

    def _keep(self, raw: bytes, known: Sequence[int]) -> tuple[list[int], int]:
        """The known ids whose text the prompt begins with, and how many of its bytes they cover.

        They end at a border where the rest can be tokenized by itself.
        """
        position = first = 0
        if known and self._model.adds_bos and not raw.startswith(self._model.piece(known[0])):
            first = 1  # the tokenizer put it there; the text does not show it
        ends: list[int] = []
        for token in known[first:]:
            piece = self._model.piece(token)
            if not piece or not raw.startswith(piece, position):
                break
            position += len(piece)
            ends.append(position)
        while ends and not self._clean_border(raw, ends[-1], known[first + len(ends) - 1]):
            ends.pop()
        return (list(known[: first + len(ends)]), ends[-1]) if ends else ([], 0)

    def _clean_border(self, raw: bytes, position: int, token: int) -> bool:
        """Whether the text may be cut here and the rest tokenized by itself."""
        if self._model.is_control(token):
            return True
        rest = raw[position : position + 96]
        if not self._model.spm and rest[:1] in (b" ", b"\n"):
            return True
        if rest[:1] not in (b"<", b"["):
            return False
        following = self._model.tokenize(rest.decode("utf-8", "ignore"))
        return bool(following) and self._model.is_control(following[0])


def _system_into_user(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same messages for a template that knows no system role and wants roles to alternate."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = message["role"] if message["role"] == "assistant" else "user"
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += "\n\n" + message["content"]
        else:
            merged.append({"role": role, "content": message["content"]})
    return merged


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
