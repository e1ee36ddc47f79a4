"""A tiny model server as a program, for a supervisor to start: `model_server.py --port N`.

`--crash` makes it end at once with a word on standard error, `--linger` makes it deaf to a polite
signal, `--mute` keeps it from ever listening.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every question with its own process's parentage and `ok`."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "ok"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--crash", action="store_true")
    parser.add_argument("--linger", action="store_true")
    parser.add_argument("--mute", action="store_true")
    options = parser.parse_args()
    if options.crash:
        sys.exit("no GPU was found")
    if options.linger:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.mute:
        threading.Event().wait()
    ThreadingHTTPServer((options.host, options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
