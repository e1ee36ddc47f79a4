"""Renders messages to token ids, by the model's own chat template or a named format.

The template is a program that comes with the model file, so it runs in Jinja's sandbox. Text that
people wrote is never read as control tokens. Token ids of a conversation's earlier turns are
reused, since a model does not always write the tokens that a tokenizer would choose for the same
text, and one different id invalidates the whole cache behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.base import ChatMessage, Tool
from backends.chat_marks import ChatMarkEscaper
from backends.errors import InvalidRequest
from backends.llama_cpp.control_tokens import ControlTokenGuard, Tokenizer
from backends.llama_cpp.formats import FORMATS, find_family
from backends.llama_cpp.template_sandbox import (
    TEMPLATE_ERRORS,
    TemplateTooLong,
    compile_template,
    render_template,
    runs_for_ever,
)
from backends.notations.thoughts import (
    TEMPLATE_THINKING_SWITCHES,
    Thinking,
    closing_tag,
    find_open_tag,
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as token ids.

    `lead` is text that stands at the prompt's end and belongs to the answer: the opening tag of
    thoughts that the model continues. `written` are the last of the tokens, which the model wrote
    before, where the answer goes on from them.
    """

    tokens: list[int]
    lead: str = ""
    written: tuple[int, ...] = ()


class ChatTemplate:
    """A model's template, compiled once.

    `name` is a named format; without it `source`, the file's own template, is used. `thinking`
    "off" tells it that the model is not to think.
    Raises `InvalidRequest` for an unknown name, or where there is no template at all.
    """

    def __init__(
        self,
        model: Tokenizer,
        source: str | None,
        name: str | None = None,
        thinking: Thinking = "auto",
    ) -> None:
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
        self._marks = ChatMarkEscaper(text, as_text=True)
        self.family = name or find_family(text)
        self._thinks = thinking != "off"
        try:
            self._template = compile_template(text)
        except TEMPLATE_ERRORS as error:
            raise InvalidRequest(
                "The model file's chat template cannot be read; set chat_format to one of "
                f"{', '.join(FORMATS)}."
            ) from error
        if name is None and runs_for_ever(self._template):
            raise InvalidRequest(
                "The model file's chat template runs for ever; set chat_format to one of "
                f"{', '.join(FORMATS)}."
            )

    def encode(self, messages: Sequence[ChatMessage], known: Sequence[int] = ()) -> list[int]:
        """Return the token ids of the messages as a prompt, up to where the answer begins.

        `known` are the ids that the conversation's sequence already holds; they are reused as far
        as their text and the prompt's agree.
        """
        return self.prompt(messages, known).tokens

    def prompt(
        self,
        messages: Sequence[ChatMessage],
        known: Sequence[int] = (),
        *,
        tools: Sequence[Tool] = (),
        thinks: bool = True,
        written: Sequence[int] = (),
    ) -> Prompt:
        """Render the prompt as `encode` does, offering tools; without `thinks` the model skips its
        thoughts. If the last message is the assistant's, the prompt ends with its text, or with
        the tokens of it that were `written` before.
        """
        guard = ControlTokenGuard(self._model)
        safe = [self._unforged(guard(each)) for each in _openai_messages(messages)]
        begun = safe.pop()["content"] if continues_answer(messages) else ""
        if begun and self._is_text_of(written, messages[-1].content):
            before = self.prompt(messages[:-1], known, tools=tools, thinks=False)
            return Prompt([*before.tokens, *written], written=tuple(written))
        text = self._render(safe, guard([tool_to_json(tool) for tool in tools]) or None)
        if begun or not (thinks and self._thinks):
            text = _end_thinking(text)
        text += begun
        kept, start = self._keep(text.encode(), known)
        bos = not kept and self._model.adds_bos and not text.startswith(self._model.bos or "\0")
        rest = text.encode()[start:].decode() if start else text
        return Prompt([*kept, *guard.tokenize(rest, bos=bos)], find_open_tag(text))

    def text(self, messages: Sequence[ChatMessage]) -> str:
        """Return the prompt as text, for an engine with its own tokenizer."""
        dialogue = _openai_messages(messages)
        begun = dialogue.pop()["content"] if continues_answer(messages) else ""
        text = self._render(dialogue, None)
        return (_end_thinking(text) if begun or not self._thinks else text) + begun

    def _is_text_of(self, tokens: Sequence[int], text: str) -> bool:
        """Whether a model of this vocabulary wrote the text with these tokens."""
        pieces = b"".join(map(self._model.piece, tokens))
        return bool(tokens) and pieces.decode("utf-8", "ignore").strip() == text.strip()

    def _unforged(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message that cannot end itself with marks that this template writes as text."""
        return {**message, "content": self._marks.escape(message["content"])}

    # -- rendering -------------------------------------------------------------------------------

    def _render(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> str:
        attempts = (messages, _merge_system_into_user(messages))
        for number, attempt in enumerate(attempts, 1):
            try:
                return render_template(
                    self._template,
                    messages=attempt,
                    add_generation_prompt=True,
                    bos_token=self._model.bos,
                    eos_token=self._model.eos,
                    tools=tools,
                    **({} if self._thinks else TEMPLATE_THINKING_SWITCHES),
                )
            except TemplateTooLong as error:
                raise InvalidRequest(
                    "The model's chat template takes too long with these messages."
                ) from error
            # A template is somebody's program; whatever it raises means that it does not take
            # these messages. Many refuse a system message, so that is tried without one.
            except TEMPLATE_ERRORS as error:
                if number == len(attempts):
                    raise InvalidRequest(
                        "The model's chat template does not accept these messages."
                    ) from error
        raise AssertionError("unreachable")

    # -- keeping the ids of earlier turns --------------------------------------------------------

    def _keep(self, raw: bytes, known: Sequence[int]) -> tuple[list[int], int]:
        """Return the known ids whose text the prompt begins with, and the bytes that they cover.

        They end where the rest of the prompt can be tokenized on its own.
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
        """Return whether the text may be split here and the rest tokenized on its own."""
        if self._model.is_mark(token):
            return True
        rest = raw[position : position + 96]
        if not self._model.spm and rest[:1] in (b" ", b"\n"):
            return True
        if rest[:1] not in (b"<", b"["):
            return False
        following = self._model.tokenize(rest.decode("utf-8", "ignore"))
        return bool(following) and self._model.is_mark(following[0])


def continues_answer(messages: Sequence[ChatMessage]) -> bool:
    """Whether the last message is one of the assistant's that the answer goes on from."""
    return len(messages) > 1 and messages[-1].role == "assistant" and not messages[-1].tool_calls


def _end_thinking(prompt: str) -> str:
    """Return the prompt with its thoughts closed, if it ends inside them."""
    tag = find_open_tag(prompt)
    return f"{prompt.rstrip()}\n\n{closing_tag(tag)}\n\n" if tag else prompt


def _openai_messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Return the messages as templates expect them, in the form of OpenAI's protocol."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    dialogue = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            entry["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": dict(call.arguments)},
                }
                for call in message.tool_calls
            ]
        if message.role == "tool":
            entry["tool_call_id"] = message.tool_call_id or ""
            entry["name"] = names.get(message.tool_call_id or "", "")
        dialogue.append(entry)
    return dialogue


def tool_to_json(tool: Tool) -> dict[str, Any]:
    """Return a tool as templates expect it."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


def offers_tools(template: str) -> bool:
    """Return whether a template lists the tools it is given, found by rendering it."""
    tool = Tool("look_for_the_lamp", "Looks.", {"type": "object", "properties": {}})
    try:
        written = render_template(
            compile_template(template),
            messages=[{"role": "user", "content": "hello"}],
            add_generation_prompt=True,
            bos_token="",
            eos_token="",
            tools=[tool_to_json(tool)],
        )
    except TEMPLATE_ERRORS:
        return False
    return tool.name in written


def _merge_system_into_user(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages for a template that has no system role and wants alternating roles."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = message["role"] if message["role"] == "assistant" else "user"
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += "\n\n" + message["content"]
        else:
            merged.append({"role": role, "content": message["content"]})
    return merged
