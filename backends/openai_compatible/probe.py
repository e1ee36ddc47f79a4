"""A connection to one OpenAI-compatible server, and the properties that it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import openai

from backends.base import ChatMessage, Health
from backends.chat_marks import ChatMarkEscaper
from backends.picture_tokens import count_picture_tokens
from backends.remote import Address, wait_bounded

_METADATA_TIMEOUT_S = 5.0
"""Patience with questions that need no model."""


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
        timeout = openai.Timeout(None, connect=connect_s)
        secure = address.url.startswith("https:")  # else reading certificates would be idle work
        login = httpx.BasicAuth(*address.login) if address.login else None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if login is not None and not key:
            probe = next(login.auth_flow(httpx.Request("GET", address.url)))
            headers = {"Authorization": probe.headers["Authorization"]}
        self.client = openai.AsyncOpenAI(
            base_url=address.url,
            api_key=key or "none",
            max_retries=0,
            timeout=timeout,
            default_headers=headers,
            http_client=openai.DefaultAsyncHttpxClient(
                trust_env=False, timeout=timeout, verify=secure
            ),
        )
        self._beside = httpx.AsyncClient(
            base_url=address.url.removesuffix("/v1"),
            timeout=httpx.Timeout(_METADATA_TIMEOUT_S, connect=min(connect_s, _METADATA_TIMEOUT_S)),
            headers=headers,
            trust_env=False,
            verify=secure,
        )
        self._counts_with: str | None = "/tokenize"

    async def aclose(self) -> None:
        await asyncio.gather(self.client.close(), self._beside.aclose())

    async def learn(self) -> list[str] | None:
        """Request the server's properties and its models.

        Returns the model names that it serves; None if it does not tell, or serves any name.
        """
        props = await self._get("/props")
        if isinstance(props, Mapping):
            self._take_props(props)
        try:
            listed = await wait_bounded(
                self.client.models.list(), _METADATA_TIMEOUT_S, float("inf"), self.source
            )
        except openai.NotFoundError:
            return None
        models = list(listed.data)
        if not self.model and models:
            self.model = models[0].id
        for model in models:
            if model.id == self.model or len(models) == 1:
                self.properties = replace(self.properties, owner=model.owned_by or "")
                self._take_model(model.model_extra or {})
        if any(model.owned_by == "llamacpp" for model in models):
            return None  # llama-server answers to every name
        return [model.id for model in models]

    async def health(self) -> Health:
        """Check `/health` if there is one, else the list of models; includes slots if reported."""
        try:
            answer = await self._beside.get("/health")
        except httpx.ConnectError:
            return Health(False, f"{self.source} cannot be reached.")
        except httpx.HTTPError:
            return Health(False, f"{self.source} does not answer.")
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
        if self._counts_with == "/tokenize":
            rendered = await self._post("/apply-template", {"messages": sent})
            prompt = rendered.get("prompt") if isinstance(rendered, Mapping) else None
            if isinstance(prompt, str):
                body = {"content": prompt, "add_special": True, "parse_special": True}
                found = await self._post("/tokenize", body)
                tokens = found.get("tokens") if isinstance(found, Mapping) else None
                if isinstance(tokens, list):
                    return len(tokens) + pictures
            self._counts_with = "/extras/tokenize/count"
        if self._counts_with is not None:
            text = "\n".join(message.content for message in messages)
            found = await self._post(self._counts_with, {"input": text})
            counted = found.get("count") if isinstance(found, Mapping) else None
            if isinstance(counted, int):
                return counted + pictures + 5 * len(messages)  # the template's own tokens, roughly
            self._counts_with = None
        return None

    def _take_props(self, props: Mapping[str, Any]) -> None:
        settings = props.get("default_generation_settings")
        context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
        able = props.get("chat_template_caps")
        tools = able.get("supports_tools") if isinstance(able, Mapping) else None
        slots, template = props.get("total_slots"), props.get("chat_template")
        self.properties = ServerProperties(
            context=context if isinstance(context, int) else 0,
            slots=slots if isinstance(slots, int) else 0,
            template=template if isinstance(template, str) else "",
            marks=ChatMarkEscaper(template if isinstance(template, str) else ""),
            tools=tools if isinstance(tools, bool) else None,
            vision=find_vision(props),
        )

    def _take_model(self, extra: Mapping[str, Any]) -> None:
        """Store the context, which vLLM reports as `max_model_len`, and the number of weights, in
        llama-server's `meta`.
        """
        if self.properties.vision is None:
            self.properties = replace(self.properties, vision=find_vision(extra))
        meta = extra.get("meta")
        weights = meta.get("n_params") if isinstance(meta, Mapping) else None
        if isinstance(weights, int):
            self.properties = replace(self.properties, parameters=weights)
        longest = extra.get("max_model_len")
        if not self.properties.context and isinstance(longest, int):
            self.properties = replace(self.properties, context=longest)

    async def _get(self, path: str) -> Any:
        return await self._beside_json("GET", path, None)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._beside_json("POST", path, dict(body))

    async def _beside_json(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """What one of the endpoints that may be missing says, or None."""
        try:
            answer = await self._beside.request(method, path, json=body)
            return answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None
