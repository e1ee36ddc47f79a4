"""An Ollama server on loopback: `docs/api.md` of that project, for a model of words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web

from backends.scripted.script import hash_words
from tests.fakes.speech import BODY, SpeechServer, answer, pieces_of, prompt_tokens


class OllamaServer(SpeechServer):
    """Has `models` (name → its capabilities); those in `loaded` are resident.

    `tool_call`, where set, is what a chat with tools is answered with. `thoughts` come before an
    answer, in a field of their own. `parameters` are those of its models, as lines. `overflow` is
    what becomes of a prompt that does not fit: it is "cut" without a word as by older servers, or
    "refused" by newer ones if `truncate` is false. `counts` turns the true count of a prompt into
    the one that is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.models = {
            "tiny:latest": ["completion", "tools"],
            "minilm:latest": ["embedding"],
        }
        self.loaded: set[str] = set()
        self.tool_call: dict[str, Any] | None = None
        self.thoughts = ""
        self.parameters = ""
        self.overflow: Literal["", "cut", "refused"] = ""
        self.counts: Callable[[int], int] = int
        self.library = {"fresh:latest": ["completion"]}
        self.app.add_routes(
            [
                web.get("/api/tags", self._tags),
                web.get("/api/ps", self._ps),
                web.post("/api/show", self._show),
                web.post("/api/chat", self._chat),
                web.post("/api/embed", self._embed),
                web.post("/api/pull", self._pull),
            ]
        )

    def _named(self, body: Any) -> str:
        name = str(body["model"])
        full = name if ":" in name else f"{name}:latest"
        if full not in self.models:
            raise web.HTTPNotFound(
                text=json.dumps({"error": f"model '{name}' not found"}),
                content_type="application/json",
            )
        return full

    async def _tags(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [{"model": name} for name in self.models]})

    async def _ps(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [{"model": n, "name": n} for n in sorted(self.loaded)]})

    async def _show(self, request: web.Request) -> web.Response:
        name = self._named(request[BODY])
        return web.json_response(
            {
                "template": "{{ .Prompt }}",
                "parameters": self.parameters,
                "details": {"family": "words"},
                "model_info": {
                    "general.architecture": "words",
                    "words.context_length": 8192,
                    "general.parameter_count": 4_000_000_000,
                    "words.embedding_length": 32,
                },
                "capabilities": self.models[name],
            }
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = request[BODY]
        name = self._named(body)
        if "completion" not in self.models[name]:
            return web.json_response({"error": f'"{name}" does not support chat'}, status=400)
        fresh = name not in self.loaded
        self.loaded.add(name)
        options = body.get("options", {})
        tokens, context = prompt_tokens(body["messages"]), options.get("num_ctx", 2_048)
        if self.overflow == "refused" and tokens > context and body.get("truncate") is False:
            words = (
                f"request ({tokens} tokens) exceeds the available context size ({context} tokens)"
            )
            inner = {"error": {"code": 400, "message": f"{words}, try increasing it"}}
            return web.json_response({"error": json.dumps(inner)}, status=400)
        if self.overflow == "cut" and tokens > context:
            tokens = context // 2 + 2
        said, finish = answer(
            options.get("num_predict", 16), options.get("stop", ()), body.get("format")
        )
        parts: list[dict[str, Any]] = [
            {"message": {"role": "assistant", "content": piece}, "done": False} for piece in said
        ]
        if self.thoughts and body.get("think") is not False:
            thoughts = [
                {"role": "assistant", "content": "", "thinking": p}
                for p in pieces_of(self.thoughts)
            ]
            parts = [*({"message": each, "done": False} for each in thoughts), *parts]
        if body.get("tools") and self.tool_call is not None:
            call = {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": self.tool_call}],
            }
            parts, finish = [{"message": call, "done": False}], "stop"
        end = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": finish,
            "load_duration": 2_000_000_000 if fresh else 1_000_000,
            "prompt_eval_count": self.counts(tokens),
            "prompt_eval_duration": 500_000_000,
            "eval_count": len(said),
            "eval_duration": 1_000_000_000,
        }
        lines = [
            json.dumps({"model": name, **part}, ensure_ascii=False).encode() + b"\n"
            for part in [*parts, end]
        ]
        return await self.stream(request, lines, "application/x-ndjson", b"<html>no</html>\n")

    async def _embed(self, request: web.Request) -> web.Response:
        name = self._named(request[BODY])
        if "embedding" not in self.models[name]:
            return web.json_response(
                {"error": "this model does not support embeddings"}, status=501
            )
        self.loaded.add(name)
        texts = request[BODY]["input"]
        await asyncio.sleep(self.embedding_s)
        rows = [(3.0 * hash_words(text, 32)).tolist() for text in texts]
        return web.json_response({"model": name, "embeddings": rows})

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        name = str(request[BODY]["model"])
        full = name if ":" in name else f"{name}:latest"
        steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if full in self.library:
            steps += [
                {"status": "pulling abc", "digest": "sha256:abc", "total": 100, "completed": done}
                for done in (0, 50, 100)
            ]
            steps.append({"status": "success"})
            self.models[full] = self.library[full]
        else:
            steps.append({"error": "pull model manifest: file does not exist"})
        lines = [json.dumps(step).encode() + b"\n" for step in steps]
        return await self.stream(request, lines, "application/x-ndjson", b"[]\n")
