"""How an Ollama server, or one that half speaks its protocol, says the same things."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.odd_answers import OddAnswers

END = {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}


def part(content: Any = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **more}, "done": False}


def lines(*parts: dict[str, Any] | bytes) -> tuple[bytes, ...]:
    return tuple(
        each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode() + b"\n"
        for each in parts
    )


def calls(*arguments: Any) -> dict[str, Any]:
    return part(tool_calls=[{"function": {"name": "get", "arguments": each}} for each in arguments])


ODD = OddAnswers(
    whole={
        "nulls everywhere": lines(
            {"message": None, "done": None, "error": None},
            part(None, tool_calls=None, thinking=None),
            part("Hi you"),
            {"message": None, "done": True, "done_reason": None, "prompt_eval_count": None},
        ),
        "no counts": lines(part("Hi you"), {"done": True}),
        "counts beyond all sense": lines(
            part("Hi you"),
            {"done": True, "prompt_eval_count": 10**30, "eval_count": -1, "eval_duration": 10**400},
        ),
        "no role and no model": lines({"message": {"content": "Hi you"}}, {"done": True}),
        "blank lines, a byte order mark and CRLF": (
            b"\xef\xbb\xbf\n\n",
            b"".join(lines(part("Hi you"), END)).replace(b"\n", b"\r\n\r\n"),
        ),
        "no line end at the end": (*lines(part("Hi you")), json.dumps(END).encode()),
        "all in one part": lines({**part("Hi you"), **END}),
    },
    thoughts={"thinking": lines(part(thinking="hmm"), part("Hi you"), END)},
    calls={
        "as objects": lines(calls({"city": "Rome"}, {"city": "Oslo"}), END),
        "in two parts": lines(calls({"city": "Rome"}), calls({"city": "Oslo"}), END),
        "as JSON in texts": lines(calls('{"city": "Rome"}', '{"city": "Oslo"}'), END),
        "in the last part": lines({**calls({"city": "Rome"}, {"city": "Oslo"}), **END}),
    },
    errors={"in a stream": lines({"error": "out of tea"})},
    cut={"length": lines(part("Hi you"), {**END, "done_reason": "length"})},
    broken={
        "an end without a word": lines(part("Hi you")),
        "half a part": lines(part("Hi you"), b'{"message": {"cont'),
        "an error": lines(part("Hi you"), {"error": "out of tea"}),
        "something else": lines(part("Hi you"), b"[1, 2]\n"),
    },
    begin=b'{"message": {"role": "assistant", "content": "',
    text=lambda said: lines(part(said), END),
)
