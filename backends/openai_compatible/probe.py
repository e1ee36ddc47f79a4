"""A connection to one OpenAI-compatible server, and the properties that it reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import httpx
import openai

from backends.base import ChatMessage, Health
from backends.bounded_http import create_http_client, describe_http_error
from backends.chat_marks import ChatMarkEscaper
from backends.errors import ModelNotFound
from backends.event_stream import Json
from backends.picture_tokens import count_picture_tokens
from backends.remote import MAX_PARALLEL_REQUESTS, METADATA_TIMEOUT_S, Address, wait_bounded

_FAILING_STATUSES = (429, 500, 502, 503, 504)
"""Of a list of models: these pass, and say that the server cannot answer now."""


@dataclass(frozen=True, slots=True)
class ServerProperties:
    """The properties from `/props` and `/v1/models`; zeros and None if not reported."""

    context: int = 0
    slots: int = 0
    template: str = ""
    tools: bool | None = None
    vision: bool | None = None
    parameters: int = 0
    owner: str = ""
    """What its list of models calls their owner, which tells servers apart."""
    marks: ChatMarkEscaper = field(default_factory=ChatMarkEscaper, repr=False)


def find_vision(reported: Mapping[str, Any]) -> bool | None:
    """Whether a model sees pictures, by what its server reports; None if it does not tell.

    llama-server tells in `/props` (`modalities.vision`), others in their list of models
    (`architecture.input_modalities`, `input_modalities`, `modalities` or `capabilities`).
    """
    architecture = reported.get("architecture")
    inside = architecture if isinstance(architecture, Mapping) else {}
    for told in (
        inside.get("input_modalities"),
        *(reported.get(key) for key in ("input_modalities", "modalities", "capabilities")),
    ):
        if isinstance(told, Mapping):
            if isinstance(told.get("vision"), bool):
                return bool(told["vision"])
            told = told.get("input")
        if isinstance(told, list):
            return any(one in ("image", "vision", "multimodal") for one in told)
    return None


class Connection:
    """The HTTP clients of one address: openai's for `/v1`, another for llama-server's endpoints."""

    def __init__(self, url: str, model: str | None, key: str | None, connect_s: float) -> None:
        address = Address.parse(url)
        self.url = url
        self.source = f"The model server at {address.display_name}"
        self.properties = ServerProperties()
        self.model = model or ""
        self.login = address.login
        login = httpx.BasicAuth(*address.login) if address.login else None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if login is not None and not key:
            probe = next(login.auth_flow(httpx.Request("GET", address.url)))
            headers = {"Authorization": probe.headers["Authorization"]}
        timeout = httpx.Timeout(None, connect=connect_s)
        self.client = openai.AsyncOpenAI(
            base_url=address.url,
            api_key=key or "none",
            max_retries=0,
            default_headers=headers,
            http_client=create_http_client(address.url, timeout=timeout, headers=headers),  # type: ignore[arg-type]  # it takes httpx's clients, too
        )
        self._beside = create_http_client(
            address.url,
            timeout=httpx.Timeout(METADATA_TIMEOUT_S, connect=min(connect_s, METADATA_TIMEOUT_S)),
            headers=headers,
            base_url=address.url.removesuffix("/v1"),
        )
        self._known = False
        self._not_offered: set[str] = set()
        """Ways of counting that the server does not know."""

    async def aclose(self) -> None:
        await asyncio.gather(self.client.close(), self._beside.aclose())

    async def check_model(self, *, again: bool = False) -> None:
        """Request what the server tells: once, or `again`. Raises `ModelNotFound`.

        Some servers answer with whatever model they have, whichever is requested.
        """
        if self._known and not again:
            return
        models = await self._learn()
        if models and not any(may_be_model(listed, self.model) for listed in models):
            there = ", ".join(models[:5])
            raise ModelNotFound(f"{self.source} has no model {self.model!r}; it has {there}.")
        self._known = True

    async def _learn(self) -> list[str]:
        """Request the server's properties and its models.

        Returns the names of the models that it lists; none if it does not tell, or serves any name.
        """
        props = await self._get("/props")
        models = await self._list_models()
        if not self.model and models:
            self.model = models[0]["id"]
        found = _read_props(props) if isinstance(props, Mapping) else self.properties
        for model in models:
            if model["id"] == self.model or len(models) == 1:
                found = _add_listed(found, model)
        self.properties = found  # all at once: others read them meanwhile
        if any(model.get("owned_by") == "llamacpp" for model in models):
            return []  # llama-server answers to every name
        return [model["id"] for model in models]

    async def _list_models(self) -> list[Mapping[str, Any]]:
        """Request the list of models; empty where the server has none, or keeps it to itself.

        Only the chat itself can say then whether the model is there.
        """
        try:
            raw = await wait_bounded(
                self.client.models.with_raw_response.list(),
                METADATA_TIMEOUT_S,
                float("inf"),
                self.source,
            )
            found = json.loads(raw.http_response.content)
        except openai.APIStatusError as error:
            if error.status_code == 401 or error.status_code in _FAILING_STATUSES:
                raise
            return []
        except (ValueError, RecursionError):
            return []
        listed = found.get("data") if isinstance(found, Mapping) else found
        return [
            model
            for model in (listed if isinstance(listed, list) else ())
            if isinstance(model, Mapping) and isinstance(model.get("id"), str)
        ]

    async def health(self) -> Health:
        """Check `/health` if there is one, else the list of models; includes slots if reported."""
        try:
            async with asyncio.timeout(METADATA_TIMEOUT_S):
                answer = await self._beside.get("/health")
        except httpx.ConnectError:
            return Health(False, f"{self.source} cannot be reached.")
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            refused = describe_http_error(error, self.source)
            return Health(False, str(refused or f"{self.source} does not answer."))
        if answer.status_code == 503:
            return Health(False, f"{self.source} is still loading its model.")
        if answer.status_code in (401, 403):
            return Health(False, f"{self.source} refuses the key; set api_key_env.")
        if answer.status_code >= 500:
            return Health(False, f"{self.source} failed (HTTP {answer.status_code}).")
        slots = await self._get("/slots")
        if not isinstance(slots, list) or not slots:
            return Health(True, f"{self.source} answers.")
        busy = sum(1 for slot in slots if isinstance(slot, Mapping) and slot.get("is_processing"))
        return Health(True, f"{self.source} answers.", slots=len(slots), slots_busy=busy)

    async def count(self, messages: Sequence[ChatMessage]) -> int | None:
        """Count a prompt's tokens by the server's tokenizer; None if it offers none."""
        messages = self.properties.marks.escape_messages(messages)
        pictures = count_picture_tokens(messages, self.model)
        sent = [{"role": message.role, "content": message.content} for message in messages]
        for counter in (self._count_rendered, self._count_chat, self._count_text):
            if counter.__name__ not in self._not_offered:
                try:
                    counted = await counter(sent)
                except _NotOffered:
                    self._not_offered.add(counter.__name__)
                else:
                    return None if counted is None else counted + pictures
        return None

    async def _count_rendered(self, sent: Sequence[Json]) -> int | None:
        """As llama-server counts: the template, then the tokenizer."""
        rendered = await self._post("/apply-template", {"messages": sent})
        prompt = rendered.get("prompt")
        if not isinstance(prompt, str):
            return None
        body = {"content": prompt, "add_special": True, "parse_special": True}
        tokens = (await self._post("/tokenize", body)).get("tokens")
        return len(tokens) if isinstance(tokens, list) else None

    async def _count_chat(self, sent: Sequence[Json]) -> int | None:
        """As vLLM counts."""
        found = await self._post("/tokenize", {"model": self.model, "messages": sent})
        counted = found.get("count")
        return counted if isinstance(counted, int) else None

    async def _count_text(self, sent: Sequence[Json]) -> int | None:
        """As llama-cpp-python counts, without a template, which takes some tokens of its own."""
        text = "\n".join(str(message["content"]) for message in sent)
        counted = (await self._post("/extras/tokenize/count", {"input": text})).get("count")
        return counted + 5 * len(sent) if isinstance(counted, int) else None

    async def _get(self, path: str) -> Any:
        """What one of the endpoints that may be missing says, or None."""
        try:
            return await self._beside_json("GET", path, None)
        except _NotOffered:
            return None

    async def _post(self, path: str, body: Mapping[str, Any]) -> Json:
        """The object that an endpoint answers with, empty if it failed. Raises `_NotOffered`."""
        found = await self._beside_json("POST", path, dict(body))
        return found if isinstance(found, Mapping) else {}

    async def _beside_json(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            async with asyncio.timeout(METADATA_TIMEOUT_S):
                answer = await self._beside.request(method, path, json=body)
            if 400 <= answer.status_code < 500 or answer.status_code == 501:
                raise _NotOffered
            return answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError, RecursionError, TimeoutError):
            return None


def _read_props(props: Mapping[str, Any]) -> ServerProperties:
    settings = props.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
    able = props.get("chat_template_caps")
    tools = able.get("supports_tools") if isinstance(able, Mapping) else None
    slots, template = props.get("total_slots"), props.get("chat_template")
    template = template if isinstance(template, str) else ""
    return ServerProperties(
        context=context if isinstance(context, int) else 0,
        slots=min(slots, MAX_PARALLEL_REQUESTS) if isinstance(slots, int) else 0,
        template=template,
        marks=ChatMarkEscaper(template),
        tools=tools if isinstance(tools, bool) else None,
        vision=find_vision(props),
    )


def _add_listed(known: ServerProperties, listed: Mapping[str, Any]) -> ServerProperties:
    """Return the properties with what the list of models says: the owner, the context, which vLLM
    reports as `max_model_len`, and the number of weights, in llama-server's `meta`.
    """
    owner, longest, meta = (listed.get(key) for key in ("owned_by", "max_model_len", "meta"))
    weights = meta.get("n_params") if isinstance(meta, Mapping) else None
    return replace(
        known,
        owner=owner if isinstance(owner, str) else "",
        vision=find_vision(listed) if known.vision is None else known.vision,
        parameters=weights if isinstance(weights, int) else known.parameters,
        context=known.context or (longest if isinstance(longest, int) else 0),
    )


class _NotOffered(Exception):
    """The server has no such endpoint."""


def may_be_model(listed: str, wanted: str) -> bool:
    """Return whether a server that lists a model as `listed` may mean the one that is `wanted`.

    Lists differ from what may be asked for: `m:latest` (Ollama), `org/m`, `m` for `m:provider`, and
    patterns such as `*` or `openai/*` (LiteLLM).
    """
    if "*" in listed:
        return fnmatchcase(wanted, listed.replace("[", "[[]"))
    return _base_name(listed) == _base_name(wanted)


def _base_name(model: str) -> str:
    return model.rsplit("/", 1)[-1].split(":", 1)[0].casefold()
