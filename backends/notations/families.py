"""The notations of families of models, and which of them a chat template belongs to.

Each was read in the family's own chat template. Where it has one in llama.cpp's source
(`models/templates`, which the source package of llama-cpp-python brings) that was rendered with a
call; Llama 4's and Command-R's are among vLLM's examples, Phi-4's in llama.cpp's repository, and
Granite 3's template tells it to the model in words.
"""

from __future__ import annotations

from typing import Final

from backends.notations.notation import Notation, Parameter

_TAGGED_JSON: Final = Notation(
    name="tagged_json",  # Qwen 2.5 and 3, Hermes, Granite 4, Bielik, MiMo
    opening="<tool_call>",
    before_name='<tool_call>\n{"name": "',
    after_name='", "arguments": ',
    after_arguments="}\n</tool_call>",
    between="\n",
    told_by=(("<tool_call>",),),
)
_TAGGED_FUNCTION: Final = Notation(
    name="tagged_function",  # Qwen3-Coder, Qwen 3.5, Nemotron 3, StepFun
    opening="<tool_call>",
    before_name="<tool_call>\n<function=",
    after_name=">\n",
    after_arguments="</function>\n</tool_call>",
    between="\n",
    arguments="parameters",
    parameter=Parameter("<parameter=", ">\n", "\n</parameter>\n"),
    told_by=(("<tool_call>", "<function="),),
)
_TAGGED_KEYS: Final = Notation(
    name="tagged_keys",  # GLM 4.5 to 4.7, Ling, Laguna
    opening="<tool_call>",
    before_name="<tool_call>",
    after_name="\n",
    after_arguments="</tool_call>",
    between="\n",
    arguments="parameters",
    parameter=Parameter("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
    told_by=(("<tool_call>", "<arg_key>"),),
)
_MISTRAL_LIST: Final = Notation(
    name="mistral_list",  # Nemo, Small 3 and 3.1
    opening="[TOOL_CALLS]",
    begin="[TOOL_CALLS][",
    before_name='{"name": "',
    after_name='", "arguments": ',
    after_arguments="}",
    between=", ",
    end="]",
    told_by=(("[TOOL_CALLS]",),),
)
_MISTRAL_NAMED: Final = Notation(
    name="mistral_named",  # Small 3.2, Devstral, Ministral 3
    opening="[TOOL_CALLS]",
    before_name="[TOOL_CALLS]",
    after_name="[ARGS]",
    after_arguments="",
    told_by=(("[TOOL_CALLS]", "[ARGS]"),),
)
_BARE_JSON: Final = Notation(
    name="bare_json",  # Llama 3.1 to 3.3, Llama 4 where its template says JSON
    opening="",
    before_name='{"name": "',
    after_name='", "parameters": ',
    after_arguments="}",
    between="; ",
    told_by=(('"parameters":',), ("<|python_tag|>",), ("<|python_start|>",)),
)
_PYTHONIC: Final = Notation(
    name="pythonic",  # Llama 3.2 and 4
    opening="",
    begin="[",
    before_name="",
    after_name="(",
    after_arguments=")",
    between=", ",
    end="]",
    arguments="python",
    told_by=(("[func_name1(",),),
)
_LFM2: Final = Notation(
    name="lfm2",
    opening="<|tool_call_start|>",
    begin="<|tool_call_start|>[",
    before_name="",
    after_name="(",
    after_arguments=")",
    between=", ",
    end="]<|tool_call_end|>",
    arguments="python",
    told_by=(("<|tool_call_start|>",), ("<|tool_list_start|>",), ("List of tools: [",)),
)
_PHI4: Final = Notation(
    name="phi4",
    opening="<|tool_call|>",
    before_name='<|tool_call|>{"name": "',
    after_name='", "arguments": ',
    after_arguments="}<|/tool_call|>",
    told_by=(("<|tool_call|>", "<|/tool_call|>"),),
)
_GRANITE3: Final = Notation(
    name="granite3",
    opening="<|tool_call|>",
    begin="<|tool_call|>[",
    before_name='{"name": "',
    after_name='", "arguments": ',
    after_arguments="}",
    between=", ",
    end="]",
    told_by=(("<|tool_call|>",),),
)
_HARMONY: Final = Notation(
    name="harmony",  # gpt-oss; a prompt ends with <|start|>assistant
    opening=" to=functions.",
    before_name=" to=functions.",
    after_name="<|channel|>commentary json<|message|>",
    after_arguments="<|call|>",
    between="<|start|>assistant",
    told_by=(("<|channel|>", "<|message|>"),),
)
_DEEPSEEK_FENCED: Final = Notation(
    name="deepseek_fenced",  # V3, R1 and what was distilled from it
    opening="<｜tool▁calls▁begin｜>",
    begin="<｜tool▁calls▁begin｜>",
    before_name="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    after_name="\n```json\n",
    after_arguments="\n```<｜tool▁call▁end｜>",
    between="\n",
    end="<｜tool▁calls▁end｜>",
    told_by=(("<｜tool▁calls▁begin｜>", "```json"),),
)
_DEEPSEEK: Final = Notation(
    name="deepseek",  # V3.1
    opening="<｜tool▁calls▁begin｜>",
    begin="<｜tool▁calls▁begin｜>",
    before_name="<｜tool▁call▁begin｜>",
    after_name="<｜tool▁sep｜>",
    after_arguments="<｜tool▁call▁end｜>",
    end="<｜tool▁calls▁end｜>",
    told_by=(("<｜tool▁calls▁begin｜>",),),
)
_COMMAND_R7B: Final = Notation(
    name="command_r7b",
    opening="<|START_ACTION|>",
    begin="<|START_ACTION|>[\n    ",
    before_name='{"tool_call_id": "0", "tool_name": "',
    after_name='", "parameters": ',
    after_arguments="}",
    between=",\n    ",
    end="\n]<|END_ACTION|>",
    told_by=(("<|START_ACTION|>",),),
)
_COMMAND_R: Final = Notation(
    name="command_r",  # of 2024
    opening="Action:",
    begin="Action:\n```json\n[\n    ",
    before_name='{"tool_name": "',
    after_name='", "parameters": ',
    after_arguments="}",
    between=",\n    ",
    end="\n]```",
    told_by=(("Action:", '"tool_name"'),),
)
FENCED_JSON: Final = Notation(
    name="fenced_json",
    opening="",
    begin="```json\n",
    before_name='{"name": "',
    after_name='", "arguments": ',
    after_arguments="}",
    between="\n",
    end="\n```",
)
"""What a model without a notation of its own is likely to write."""

NOTATIONS: Final = (
    *(_HARMONY, _COMMAND_R7B, _COMMAND_R, _DEEPSEEK_FENCED, _DEEPSEEK, _LFM2, _PHI4, _GRANITE3),
    *(_MISTRAL_NAMED, _MISTRAL_LIST, _TAGGED_KEYS, _TAGGED_FUNCTION, _TAGGED_JSON),
    *(_PYTHONIC, _BARE_JSON, FENCED_JSON),
)
"""The first that a template tells of is the model's."""


def find_notation(template: str) -> Notation:
    """Return how a model with this chat template writes its calls."""
    return next(
        (
            notation
            for notation in NOTATIONS
            if any(all(text in template for text in texts) for texts in notation.told_by)
        ),
        FENCED_JSON,
    )
