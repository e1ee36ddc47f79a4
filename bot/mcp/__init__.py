"""MCP both ways: tools of other servers, and a server for other clients."""
