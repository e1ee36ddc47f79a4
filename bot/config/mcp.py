"""The section `mcp` of config.yaml: the Model Context Protocol."""

from __future__ import annotations

from bot.config.base import Section


class McpSettings(Section):
    """The Model Context Protocol."""

    serve: bool = False
    """Let programs ask in a person's name, with a token of `/connect`, at `/mcp` of the HTTP
    port."""
