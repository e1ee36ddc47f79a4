"""The one HTTP port: an ASGI app on which parts are mounted, and its server."""
