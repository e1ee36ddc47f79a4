"""Escapes the control tokens of chat templates in prompts for a model behind a server.

A server recognises the names of its model's control tokens anywhere in a prompt, also in a message.
A mark in text that people and documents contribute is therefore broken by a space, `< |im_end|>`:
the model can still read it, and no tokenizer turns it into a control token. Stored, quoted or shown
text is never changed, and neither is text without such a mark. (For engines in this process, which
tokenize here, `backends.llama_cpp.control_tokens` does the same without changing the text.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from backends.base import ChatMessage

FAMILY_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "llama-2": ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    "mistral": (
        *("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]"),
        *("[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]"),
        *("[TOOL_CONTENT]", "[CALL_ID]", "[ARGS]", "[THINK]", "[/THINK]", "[MODEL_SETTINGS]"),
        *("[/MODEL_SETTINGS]", "[PREFIX]", "[SUFFIX]", "[MIDDLE]", "[IMG]", "[IMG_END]"),
    ),
    "gemma": (
        *("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"),
        *("<start_function_call>", "<end_function_call>", "<start_function_response>"),
        *("<end_function_response>", "<start_function_declaration>", "<end_function_declaration>"),
    ),
    "exaone": ("[|system|]", "[|user|]", "[|assistant|]", "[|tool|]", "[|endofturn|]", "[BOS]"),
    "glm": ("[gMASK]", "[sMASK]", "[MASK]", "<sop>", "<eop>", "<arg_key>", "</arg_key>"),
    "command-r": ("<BOS_TOKEN>", "<EOS_TOKEN>", "<PAD_TOKEN>", "<EOP_TOKEN>", "<UNK>"),
    "minicpm": ("<用户>", "<AI>"),
    "minimax": ("]~!b[", "]~b]", "[e~[", "<minimax:tool_call>", "</minimax:tool_call>"),
    "baichuan": ("<reserved_102>", "<reserved_103>", "<reserved_106>", "<reserved_107>"),
    "nemotron": tuple(f"{m}{n}>" for m in ("<extra_id_", "<SPECIAL_") for n in range(16)),
    "seed": ("<seed:bos>", "<seed:eos>", "<seed:pad>", "<seed:think>", "</seed:think>"),
    "telechat": ("<_start>", "<_end>", "<_user>", "<_bot>", "<_system>", "<_observation>"),
    "longcat": ("<longcat_think>", "</longcat_think>", "<longcat_s>", "</longcat_s>"),
    "bailing": ("<role>", "</role>"),
    "smolvlm": ("<end_of_utterance>",),
    "nanbeige": ("[SEP]", "[CLS]", "[BOS]", "[EOS]", "[EOT]", "[PAD]", "[UNK]"),
}
"""Marks by the line of models that has them, but for those that many have (`_COMMON_MARKS`)."""

_COMMON_MARKS: Final = (
    *("<s>", "</s>", "<bos>", "<eos>", "<unk>", "<pad>", "<eot>", "<eod>", "<EOT>"),
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    *("<tools>", "</tools>", "<im_start>", "<im_end>", "<im_sep>", "<im_patch>", "<sep>"),
    *("<beginning_of_sentence>", "<end_of_sentence>", "<fim_prefix>", "<fim_middle>"),
    *("<fim_suffix>", "<fim_pad>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"),
)
"""Marks of many lines of models: a fine-tune keeps those of its base beside its template's own."""

_BARRED_MARK_PATTERN = r"<[|｜][^|｜<>\s]{1,64}[|｜]?>|<[^|｜<>\s]{1,64}[|｜]>"
"""`<|…|>`: ChatML, Llama 3 and 4, Phi, Zephyr, GLM, Granite, Command-R, harmony, DeepSeek and most
others; `<|…>` and `<…|>`: Gemma 4."""

_SPOKEN_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "vicuna": ("USER:", "ASSISTANT:"),
    "alpaca": ("### Instruction:", "### Response:", "### Input:", "### Human:", "### Assistant:"),
    "openchat": ("GPT4 Correct User:", "GPT4 Correct Assistant:", "GPT4 Correct System:"),
}
"""Roles written in plain words, at the start of a line."""

_MATCH_NOTHING_PATTERN = r"(?!)"
_FIRST_CHARACTERS = "<[]:"
"""A text without any of these has no mark."""


class ChatMarkEscaper:
    """Breaks the marks of the model families whose marks occur in a chat template.

    Breaks those of all families if the template is unknown or has none of them. With `as_text` the
    tokens are made in this process, and only marks that the template writes as text are broken.
    """

    def __init__(self, template: str = "", *, as_text: bool = False) -> None:
        lines = [*FAMILY_MARKS.values(), *_SPOKEN_ROLES.values()]
        own = [marks for marks in lines if any(mark in template for mark in marks)]
        if not (own or as_text or re.search(_BARRED_MARK_PATTERN, template)):
            own = lines
        names = {mark for marks in own for mark in marks}
        names = (
            {name for name in names if name in template} if as_text else names | {*_COMMON_MARKS}
        )
        spoken = sorted(re.escape(name[:-1]) for name in names if name.endswith(":"))
        marks = sorted((name for name in names if not name.endswith(":")), key=len, reverse=True)
        written = [*([] if as_text else [_BARRED_MARK_PATTERN]), *map(re.escape, marks)]
        # only the first sign of each is taken, so that two may overlap
        self._marks = re.compile(
            rf"(?={'|'.join(written)})." if written else _MATCH_NOTHING_PATTERN
        )
        line = rf"^[ \t>*_]{{0,8}}(?:{'|'.join(spoken)})(?=:)"
        self._spoken = re.compile(line if spoken else _MATCH_NOTHING_PATTERN, re.MULTILINE)

    def escape(self, text: str) -> str:
        """Return the text with a space in each mark; the same text if it has none."""
        if not any(first in text for first in _FIRST_CHARACTERS):
            return text
        text = self._marks.sub(lambda found: f"{found[0]} ", text)
        return self._spoken.sub(lambda found: f"{found[0]} ", text)

    def escape_messages(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """Return the messages with the marks in their content and tool arguments broken."""
        return tuple(
            replace(
                each,
                content=self.escape(each.content),
                tool_calls=tuple(
                    replace(call, arguments=self._escape_value(call.arguments))
                    for call in each.tool_calls
                ),
            )
            for each in messages
        )

    def _escape_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.escape(value)
        if isinstance(value, Mapping):
            return {
                self.escape(str(name)): self._escape_value(inner) for name, inner in value.items()
            }
        return (
            [self._escape_value(inner) for inner in value]
            if isinstance(value, list | tuple)
            else value
        )
