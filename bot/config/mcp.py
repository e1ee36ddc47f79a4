"""The section `mcp` of config.yaml: servers of tools, which speak the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

from bot.config.base import LocalPath, Section
from bot.config.core import Seconds

KEY_VARIABLE: Final = "PARLANCE_SECRET_KEY"
"""The variable of `.env` with the key that encrypts what is kept of people's logins."""
ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
"""Has no underscore, so that the names of two servers' tools can never be the same."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of a variable of the environment."""


class ToolServerSettings(Section):
    """A server of tools: a program that is started here (`command`), or an address (`url`)."""

    command: str | None = None
    """Program that is started, and spoken to over its standard input and output."""
    args: tuple[str, ...] = ()
    """Its arguments."""
    cwd: LocalPath | None = None
    """Folder that it runs in; empty: that of the bot."""
    variables: dict[Variable, str] = Field(default_factory=dict)
    """Variables of its environment that are no secrets."""
    env: tuple[Variable, ...] = ()
    """Names of secrets in `.env` that it is given; it gets no other variables of the bot."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")] | None = None
    """Address of a server that runs elsewhere, over streamable HTTP."""
    headers: dict[str, Variable] = Field(default_factory=dict)
    """Headers that it is sent, each with the name of the secret in `.env` that is its value."""
    login: bool = False
    """Each person logs in to it by themselves (OAuth), with `/connect login NAME`; for a `url`."""
    client_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None
    """How the server knows this bot, where it lets no program register by itself; with `login`."""
    client_secret: Variable | None = None
    """Name of the secret in `.env` that goes with `client_id`, where the server gave one."""
    open: bool = False
    """Everybody may have its tools used; else admins alone, and whom a rule `tool:NAME` allows."""
    tools: tuple[str, ...] | None = None
    """Its tools that are offered, by the server's own names; empty: all."""
    without: tuple[str, ...] = ()
    """Tools that are left out."""
    read: tuple[str, ...] = ()
    """Tools that only look something up, so that nobody is asked before one is called."""
    trust_hints: bool = False
    """Believe the server where it says that a tool only looks something up."""
    timeout_s: Seconds = 30.0
    """How long one call may take, in seconds."""
    idle_s: Seconds = 300.0
    """Time without a call after which it is stopped until it is needed again, in seconds."""

    @model_validator(mode="after")
    def _one_way(self) -> ToolServerSettings:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either command or url")
        if self.command is None and (self.args or self.cwd or self.variables or self.env):
            raise ValueError("args, cwd, variables and env are for a command, not for a url")
        if self.url is None and self.headers:
            raise ValueError("headers are for a url, not for a command")
        if self.login and (self.url is None or self.headers):
            raise ValueError("login is for a url without headers")
        if self.client_id is not None and not self.login:
            raise ValueError("client_id is for a server with login: true")
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("client_secret goes with a client_id")
        return self

    @property
    def secret_names(self) -> Iterator[str]:
        """The variables whose values the server is given, and nobody else may see."""
        yield from self.env
        yield from self.headers.values()
        if self.client_secret is not None:
            yield self.client_secret


class McpSettings(Section):
    """The Model Context Protocol: servers of tools, and programs that ask in a person's name."""

    serve: bool = False
    """Let programs ask in a person's name, with a token of `/connect`, at `/mcp` of the HTTP
    port."""
    servers: dict[ServerName, ToolServerSettings] = Field(default_factory=dict)
    """Servers by name, which begins the names of their tools (`docs/agent/mcp.md`)."""

    @property
    def secret_names(self) -> Iterator[str]:
        """The variables that hold secrets of the servers."""
        for server in self.servers.values():
            yield from server.secret_names
