"""Runs the chat templates of model files: programs of others, bounded in steps, sizes and output.

Steps are counted by a trace of the template's own lines, in the thread that renders. What makes a
large text in a single step (a repetition, a width, a text joined to itself) is checked where it is
made.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from types import FrameType
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_STEPS = 1_000_000
"""Lines that a template may run for one prompt; the longest of llama.cpp's collection takes some
hundred for a message."""
MAX_CPU_S = 5.0
"""Processor time for one prompt, where its steps are slow."""
MAX_TEXT_CHARACTERS = 8_000_000
"""The longest text that a template may make; longer than any context."""

TEMPLATE_ERRORS = (
    *(TemplateError, TypeError, ValueError, LookupError, ArithmeticError),
    *(AttributeError, RecursionError, MemoryError),
)
"""What a template may raise that does not take what it is given."""

_STEPS_PER_LOOK = 64
"""How often the clock is looked at."""

_TEMPLATE_FILE = "<template>"
_WIDE_METHODS = frozenset(
    {"center", "ljust", "rjust", "zfill", "expandtabs", "format_map", "translate"}
)
_WIDE_FILTERS = ("center", "wordwrap", "indent", "filesizeformat", "urlize", "pprint", "xmlattr")
_WIDTH = re.compile(r"\d{4}|%[^%\s]*\*|\{[^{}]*\{")


class TemplateTooLong(TemplateError):
    """A template ran for too long, or made a text that is too long."""


def compile_template(text: str) -> Template:
    """Return a template of a model file. Raises one of `TEMPLATE_ERRORS`."""
    return _ENVIRONMENT.from_string(text)


def render_template(template: Template, **values: Any) -> str:
    """Render a prompt. Raises one of `TEMPLATE_ERRORS`, `TemplateTooLong` among them."""
    pieces: list[str] = []
    length = 0
    before = sys.gettrace()
    sys.settrace(_step_counter())
    try:
        for piece in template.generate(values):
            length += len(piece)
            if length > MAX_TEXT_CHARACTERS:
                raise TemplateTooLong
            pieces.append(piece)
    finally:
        sys.settrace(before)
    return "".join(pieces)


def _step_counter() -> Callable[[FrameType, str, Any], Any]:
    left = MAX_STEPS
    ends = time.thread_time() + MAX_CPU_S

    def count(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or (left % _STEPS_PER_LOOK == 0 and time.thread_time() > ends):
            raise TemplateTooLong
        if event == "call" and frame.f_code.co_filename != _TEMPLATE_FILE:
            return None
        return count

    return count


def _concatenated(parts: Iterable[str]) -> str:
    """Join what a template wrote, as jinja does for blocks and macros."""
    kept, length = [], 0
    for part in parts:
        length += len(part)
        if length > MAX_TEXT_CHARACTERS:
            raise TemplateTooLong
        kept.append(part)
    return "".join(kept)


class _Generator(CodeGenerator):
    """Compiles `~` so that the joined text is checked."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.checked(")
        super().visit_Concat(node, frame)
        self.write(")")


class _Generation(Extension):
    """The block that marks what an assistant wrote, for training: what is in it is written."""

    tags = {"generation"}  # noqa: RUF012 # jinja's own form

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which no single step makes a text that is too long."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"*", "**", "%", "+"})
    concat = staticmethod(_concatenated)

    def checked(self, value: Any) -> Any:
        """Return a value that is not too large. Raises `TemplateTooLong`."""
        if isinstance(value, str | list | tuple) and len(value) > MAX_TEXT_CHARACTERS:
            raise TemplateTooLong
        return value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("powers are not for templates")
        if operator == "*":
            _check_product(left, right)
        if operator == "%" and isinstance(left, str) and _WIDTH.search(left):
            raise TemplateTooLong
        return self.checked(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Any:
        """Wrap `str.format`, but for forms with a width that is large or given."""
        if _WIDTH.search(str(getattr(value, "__self__", ""))):
            raise SecurityError("a width is too large")
        return super().wrap_str_format(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in _WIDE_METHODS and super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(owner := getattr(__obj, "__self__", None), str):
            _check_replacement(__obj, owner, args)
        return __self.checked(super().call(__context, __obj, *args, **kwargs))


def _check_product(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int):
            if len(one) * other > MAX_TEXT_CHARACTERS:
                raise TemplateTooLong
        elif isinstance(one, int) and one.bit_length() > 1024:
            raise TemplateTooLong


def _check_replacement(method: Any, text: str, given: tuple[Any, ...]) -> None:
    """Refuse `replace` and `join` where they could make of two texts their product."""
    name = getattr(method, "__name__", "")
    if name == "replace" and len(given) > 1 and isinstance(given[1], str):
        _check_product(given[1], len(text) + 1)
    elif name == "join" and given and isinstance(given[0], str | list | tuple):
        _check_product(text, len(given[0]))
        _check_product(" ", sum(len(part) for part in given[0] if isinstance(part, str)))


def _raise_template_error(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any, ensure_ascii: bool = False, indent: Any = None, **how: Any) -> str:
    narrow = indent if isinstance(indent, int) and 0 <= indent <= 16 else None
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=narrow, **how)


def _replaced(text: Any, old: str, new: str, count: int | None = None) -> str:
    _check_product(str(new), len(str(text)) + 1)
    return str(text).replace(str(old), str(new), -1 if count is None else count)


def _joined(values: Any, between: str = "", attribute: Any = None) -> str:
    parts = [each[attribute] if attribute is not None else each for each in values]
    _check_product(str(between), len(parts))
    shown = [str(part) for part in parts]
    return _concatenated(
        piece
        for at, part in enumerate(shown)
        for piece in ((str(between), part) if at else (part,))
    )


def _create_environment() -> _Environment:
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    for name in (*_WIDE_FILTERS, "format"):
        environment.filters.pop(name, None)
    environment.filters |= {
        "tojson": _to_json,
        "indent": _indented,
        "replace": _replaced,
        "join": _joined,
    }
    environment.globals["raise_exception"] = _raise_template_error
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(str(form)[:100])
    for name in ("lipsum", "cycler"):
        environment.globals.pop(name, None)
    return environment


def _indented(text: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    blanks = width if isinstance(width, str) else " " * min(int(width), 64)
    lines = str(text).split("\n")
    _check_product(blanks, len(lines))
    shown = [blanks + line if line or blank else line for line in lines[1:]]
    return "\n".join([blanks + lines[0] if first else lines[0], *shown])


_ENVIRONMENT = _create_environment()

_MAX_TRIAL_CHARACTERS = 100_000
"""What a template may say of itself around a plain question."""


def runs_for_ever(template: Template) -> bool:
    """Return whether a template takes far too long, or says far too much, about a plain question.

    One that does not take the question at all is no such template.
    """
    try:
        written = render_template(
            template,
            messages=[{"role": "user", "content": "hello"}],
            add_generation_prompt=True,
            bos_token="",
            eos_token="",
            tools=None,
        )
    except TemplateTooLong:
        return True
    except TEMPLATE_ERRORS:
        return False
    return len(written) > _MAX_TRIAL_CHARACTERS
