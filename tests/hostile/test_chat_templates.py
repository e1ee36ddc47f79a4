"""A hostile chat template costs a bounded time and memory, and one clear sentence."""

from __future__ import annotations

import resource
import sys

import pytest

from backends.base import ChatMessage
from backends.errors import InvalidRequest
from backends.llama_cpp.control_tokens import Tokenizer
from backends.llama_cpp.template_sandbox import compile_template, render_template
from backends.llama_cpp.templates import ChatTemplate, offers_tools
from tests.hostile.chat_templates import BROKEN_TEMPLATES, ENDLESS_TEMPLATES

_GROWTH_LIMIT_KB = 400_000


class Bytes(Tokenizer):
    """A tokenizer of bytes without marks."""

    bos = eos = ""
    adds_bos = spm = False

    def tokenize(self, text: str, *, special: bool = True, bos: bool = False) -> list[int]:
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def is_mark(self, token: int) -> bool:
        return False


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("template", ENDLESS_TEMPLATES)
def test_a_template_that_runs_for_ever_is_refused_when_the_model_is_loaded(template: str) -> None:
    before = _peak_kb()
    with pytest.raises(InvalidRequest, match="runs for ever; set chat_format to one of chatml"):
        ChatTemplate(Bytes(), template)
    assert not offers_tools(template)
    assert _peak_kb() - before < _GROWTH_LIMIT_KB


@pytest.mark.parametrize("template", BROKEN_TEMPLATES)
def test_a_template_that_fails_is_told_in_a_sentence(template: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^The model('s| file's) chat template [^\n]+\.$"):
        ChatTemplate(Bytes(), template).encode([ChatMessage("user", "hello")])


def test_a_template_that_takes_too_long_with_some_messages_only_is_told_then() -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    template = ChatTemplate(Bytes(), "{% if messages | length > 1 %}" + loop + "{% endif %}hello")
    assert template.encode([ChatMessage("user", "hello")])
    with pytest.raises(InvalidRequest, match="takes too long with these messages"):
        template.encode([ChatMessage("system", "Be brief."), ChatMessage("user", "hello")])


def test_what_templates_of_models_use_still_works_and_no_trace_stays() -> None:
    text = (
        "{%- for m in messages %}{% generation %}"
        "{{ '{0}:'.format(m.role) ~ m.content | replace('l', 'L') | trim }}{% endgeneration %}"
        "{{ [1, 2] | join(', ') }}{{ m | tojson(indent=2) | indent(2) }}"
        "{{ '%s' % 'x' }}{{ '-' * 3 }}{% endfor %}"
    )
    before = sys.gettrace()
    asked = [{"role": "user", "content": "hi l"}]
    written = render_template(compile_template(text), messages=asked)
    assert written.startswith('user:hi L1, 2{\n    "role"')
    assert written.endswith("x---")
    assert sys.gettrace() is before
