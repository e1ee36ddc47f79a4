"""The tools, prompts and resources that MCP's conformance suite asks for, on our own serving layer:
the HTTP port, its token, the names by which it is reached, the sessions."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import Message as PromptMessage
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import BaseModel, Field

from bot.http.messages import ASGIApp, Message, Receive, Send
from bot.http.routes import Routes
from bot.http.server import serve_http
from bot.mcp.server_port import McpPort
from bot.mcp.tokens import PersonalTokens
from bot.storage.database import Database
from bot.types import ConversationKey

PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5E"
    "rkJggg=="
)
WAV: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
PAUSE_S: Final = 0.05

server = MCPServer("parlance-conformance")


def embedded(uri: str, mime: str, text: str) -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=mime, text=text)
    return types.EmbeddedResource(type="resource", resource=contents)


@server.tool(structured_output=False)
async def test_simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


@server.tool(structured_output=False)
async def test_image_content() -> types.ImageContent:
    """Return a picture."""
    return types.ImageContent(type="image", data=PNG, mime_type="image/png")


@server.tool(structured_output=False)
async def test_audio_content() -> types.AudioContent:
    """Return a sound."""
    return types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")


@server.tool(structured_output=False)
async def test_embedded_resource() -> types.EmbeddedResource:
    """Return a resource."""
    text = "This is an embedded resource content."
    return embedded("test://embedded-resource", "text/plain", text)


@server.tool(structured_output=False)
async def test_multiple_content_types() -> list[Any]:
    """Return a text, a picture and a resource."""
    value = json.dumps({"test": "data", "value": 123})
    return [
        types.TextContent(type="text", text="Multiple content types test:"),
        types.ImageContent(type="image", data=PNG, mime_type="image/png"),
        embedded("test://mixed-content-resource", "application/json", value),
    ]


@server.tool(structured_output=False)
async def test_tool_with_logging(ctx: Context) -> str:
    """Log three times."""
    for words in ("started", "", "completed"):
        text = f"Tool execution {words}" if words else "Tool processing data"
        await ctx.session.send_log_message("info", text, related_request_id=ctx.request_id)
        await asyncio.sleep(PAUSE_S)
    return "Logged."


@server.tool(structured_output=False)
async def test_error_handling() -> str:
    """Fail."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@server.tool(structured_output=False)
async def test_tool_with_progress(ctx: Context) -> str:
    """Tell of progress."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await asyncio.sleep(PAUSE_S)
    return "Done."


@server.tool(structured_output=False)
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Have the client's model answer."""
    asked = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    answer = await ctx.session.create_message(
        [asked], max_tokens=100, related_request_id=ctx.request_id
    )
    return f"LLM response: {getattr(answer.content, 'text', '')}"


class Person(BaseModel):
    username: Annotated[str, Field(description="User's response")]
    email: Annotated[str, Field(description="User's email address")]


@server.tool(structured_output=False)
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the client's user."""
    answer = await ctx.session.elicit_form(message, Person.model_json_schema(), ctx.request_id)
    return f"User response: action={answer.action}, content={answer.content}"


async def ask(ctx: Context, properties: dict[str, Any]) -> str:
    schema = {"type": "object", "properties": properties, "required": []}
    answer = await ctx.session.elicit_form("Please answer.", schema, ctx.request_id)
    return f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}"


@server.tool(structured_output=False)
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with defaults."""
    statuses = ["active", "inactive", "pending"]
    return await ask(
        ctx,
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": statuses, "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
    )


@server.tool(structured_output=False)
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with every kind of choice."""
    options = ["option1", "option2", "option3"]

    def titled(word: str) -> list[dict[str, str]]:
        ranks = ("First", "Second", "Third")
        return [{"const": f"value{n}", "title": f"{r} {word}"} for n, r in enumerate(ranks, 1)]

    return await ask(
        ctx,
        {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled("Option")},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
        },
    )


@server.resource("test://static-text", mime_type="text/plain", description="A text")
async def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png", description="A picture")
async def static_binary() -> bytes:
    return base64.b64decode(PNG)


@server.resource("test://watched-resource", mime_type="text/plain", description="Watched")
async def watched() -> str:
    return "Watched."


@server.resource("test://template/{id}/data", mime_type="application/json", description="By id")
async def template(id: str) -> str:
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.prompt(description="A simple prompt")
async def test_simple_prompt() -> str:
    return "This is a simple prompt for testing."


@server.prompt(description="A prompt with two arguments")
async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt(description="A prompt with a resource")
async def test_prompt_with_embedded_resource(resourceUri: str) -> list[PromptMessage]:
    text = "Embedded resource content for testing."
    return [
        UserMessage(embedded(resourceUri, "text/plain", text)),
        UserMessage("Please process the embedded resource above."),
    ]


@server.prompt(description="A prompt with a picture")
async def test_prompt_with_image() -> list[PromptMessage]:
    picture = types.ImageContent(type="image", data=PNG, mime_type="image/png")
    return [UserMessage(picture), UserMessage("Please analyze the image above.")]


@server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
    return types.Completion(values=["paris", "park", "party"], total=3, has_more=False)


async def empty(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


def with_token(app: ASGIApp, token: str) -> ASGIApp:
    """The suite's requests, with the token that it cannot send."""

    async def send_on(scope: Message, receive: Receive, send: Send) -> None:
        headers = [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]
        await app({**scope, "headers": headers}, receive, send)

    return send_on


async def main(port: int) -> None:
    low = server._lowlevel_server
    low.add_request_handler("logging/setLevel", types.SetLevelRequestParams, empty)
    low.add_request_handler("resources/subscribe", types.SubscribeRequestParams, empty)
    low.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, empty)
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "parlance.db")
        tokens = PersonalTokens(database)
        token = await tokens.make("test:suite", ConversationKey("test", "@dm", "suite"))
        part = McpPort(tokens, lambda: StreamableHTTPSessionManager(low, max_sessions=100))
        routes = Routes()
        for path, app in part.parts.items():
            routes.mount(path, with_token(app, token))
        async with serve_http(routes, "127.0.0.1", port) as base, part.run():
            sys.stdout.write(f"{base}/mcp\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
