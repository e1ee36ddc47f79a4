"""An OpenAI-compatible server on loopback, for a model of words.

With `llama` it is llama-server, with its own endpoints, timings and errors; without, it is some
other server that offers `/v1` and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from backends.scripted.script import hash_words
from tests.fakes.speech import BODY, SpeechServer, answer, pieces_of, prompt_tokens


class OpenAIServer(SpeechServer):
    """Has `models`; `context` tokens fit. It tells of `slots`. `key`, where set, must be sent.

    `tool_call` (name, JSON of the arguments) is what a chat with tools is answered with.
    `thoughts` come before an answer, as `reasoning_content`; `inline` as a part of its text.
    `modalities` is what llama-server tells of them, `model_facts` what its list of models says.
    `schema_style` is the only one that is understood. `loading` answers 503 as llama-server does.
    `listing`, where set, is the status and the JSON of `/v1/models`. `refused` are keys of a body
    that are answered with `refusal_status` (and `refusal_words`). `counts_chats`: it tokenizes
    messages, as vLLM does.
    """

    def __init__(self, *, llama: bool = True) -> None:
        super().__init__()
        self.llama = llama
        self.owner = "somebody"
        self.models = ["tiny"]
        self.context = 512
        self.slots = 3
        self.key: str | None = None
        self.loading = False
        self.tool_call: tuple[str, str] | None = None
        self.thoughts = self.inline = ""
        self.modalities: dict[str, bool] | None = None
        self.model_facts: dict[str, Any] = {}
        self.schema_style = "json_schema"
        self.listing: tuple[int, Any] | None = None
        self.refused: set[str] = set()
        self.refusal_status = 400
        self.refusal_words = ""
        self.listing_headers: dict[str, str] = {}
        self.counts_chats = False
        self.app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/embeddings", self._embed),
                web.get("/v1/models", self._models),
            ]
        )
        if llama:
            self.app.add_routes(
                [
                    web.get("/health", self._health),
                    web.get("/props", self._props),
                    web.get("/slots", self._slots),
                    web.post("/apply-template", self._apply_template),
                    web.post("/tokenize", self._tokenize),
                ]
            )
        else:
            self.app.add_routes([web.post("/tokenize", self._tokenize_chat)])

    @property
    def base(self) -> str:
        return f"{self.url}/v1"

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Invalid API Key", "authentication_error")
        if self.loading:
            return _error(503, "Loading model", "unavailable_error")
        return None

    async def _models(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self.listing is not None:
            status, listed = self.listing
            return web.json_response(listed, status=status, headers=self.listing_headers)
        owner = "llamacpp" if self.llama and len(self.models) == 1 else self.owner
        data = [
            {"id": name, "object": "model", "created": 1, "owned_by": owner}
            | ({} if self.llama else {"max_model_len": self.context})
            | self.model_facts
            for name in self.models
        ]
        return web.json_response({"object": "list", "data": data})

    async def _health(self, request: web.Request) -> web.Response:
        if self.loading:
            return _error(503, "Loading model", "unavailable_error")
        return web.json_response({"status": "ok"})

    async def _props(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "default_generation_settings": {"n_ctx": self.context},
                "total_slots": self.slots,
                "chat_template": "{{ words }}",
                "chat_template_caps": {"supports_tools": True},
            }
            | ({} if self.modalities is None else {"modalities": self.modalities})
        )

    async def _slots(self, request: web.Request) -> web.Response:
        busy = self.answering - 1  # this question aside
        return web.json_response([{"id": n, "is_processing": n < busy} for n in range(3)])

    async def _apply_template(self, request: web.Request) -> web.Response:
        parts = [f"<{m['role']}> {m['content']}" for m in request[BODY]["messages"]]
        return web.json_response({"prompt": " ".join(parts)})

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"tokens": list(range(len(request[BODY]["content"].split())))})

    async def _tokenize_chat(self, request: web.Request) -> web.Response:
        if not self.counts_chats:
            raise web.HTTPNotFound
        count = prompt_tokens(request[BODY]["messages"])
        return web.json_response({"count": count, "max_model_len": self.context})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = request[BODY]
        refusal = self._refusal(request) or self._misfit(body)
        if refusal is not None:
            return refusal
        style = body.get("response_format") or {}
        schema = style.get("schema") or style.get("json_schema", {}).get("schema")
        said, finish = answer(body.get("max_tokens", 16), body.get("stop", ()), schema)
        deltas: list[dict[str, Any]] = [
            *({"reasoning_content": piece} for piece in pieces_of(self.thoughts)),
            *({"content": piece} for piece in [*pieces_of(self.inline), *said]),
        ]
        if body.get("tools") and self.tool_call is not None:
            deltas, finish = _call_deltas(*self.tool_call), "tool_calls"
        events = [_event({"role": "assistant", "content": None}), *map(_event, deltas)]
        end = _event({}, finish)
        prompt = prompt_tokens(body["messages"])
        if self.llama:
            end["timings"] = {
                "cache_n": 1,
                "prompt_n": prompt - 1,
                "prompt_ms": 250.0,
                "predicted_n": len(said),
                "predicted_ms": 500.0,
            }
        events.append(end)
        if self.llama and (body.get("stream_options") or {}).get("include_usage"):
            counts = {"prompt_tokens": prompt, "completion_tokens": len(said)}
            total = {**counts, "total_tokens": prompt + len(said)}
            events.append({**_event({}), "choices": [], "usage": total})
        lines = [b"data: " + json.dumps(e, ensure_ascii=False).encode() + b"\n\n" for e in events]
        return await self.stream(
            request, [*lines, b"data: [DONE]\n\n"], "text/event-stream", b"data: <html>\n\n"
        )

    def _misfit(self, body: dict[str, Any]) -> web.Response | None:
        if not self.llama and body["model"] not in self.models:
            return _error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        for key in sorted(self.refused & set(body)):
            words = self.refusal_words or f"Unrecognized request argument supplied: {key}"
            return _error(self.refusal_status, words, "invalid_request_error")
        style = body.get("response_format")
        if style is not None and style["type"] != self.schema_style:
            return _error(422, "body.response_format.type: not understood", "invalid_request_error")
        tokens = prompt_tokens(body["messages"])
        if tokens <= self.context:
            return None
        if self.llama:
            numbers = {"n_prompt_tokens": tokens, "n_ctx": self.context}
            words = "the request exceeds the available context size, try increasing it"
            return _error(400, words, "exceed_context_size_error", **numbers)
        asked = tokens + body["max_tokens"]
        words = (
            f"This model's maximum context length is {self.context} tokens. However, you requested"
            f" {asked} tokens ({tokens} in the messages, {body['max_tokens']} in the completion)."
        )
        return _error(400, words, "BadRequestError")

    async def _embed(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        await asyncio.sleep(self.embedding_s)
        data = [
            {"object": "embedding", "index": at, "embedding": (2.0 * row).tolist()}
            for at, row in enumerate(hash_words(text, 24) for text in request[BODY]["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return web.json_response(
            {"object": "list", "model": "tiny", "data": data[::-1], "usage": usage}
        )


def _event(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _call_deltas(name: str, arguments: str) -> list[dict[str, Any]]:
    half = len(arguments) // 2
    return [
        {"tool_calls": [{"index": 0, "id": "c9", "type": "function", "function": part}]}
        for part in (
            {"name": name, "arguments": ""},
            {"arguments": arguments[:half]},
            {"arguments": arguments[half:]},
        )
    ]


def _error(status: int, message: str, kind: str, **more: Any) -> web.Response:
    return web.json_response(
        {"error": {"code": status, "message": message, "type": kind, **more}}, status=status
    )
