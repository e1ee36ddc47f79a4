"""What the start need not import, it does not: a person waits for it until the prompt shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LATE = frozenset(
    {
        "aiohttp",
        "alembic",
        "bot.storage.migrations",
        "bot.web.fetch",
        "chromadb",
        "discord",
        "gpt4all",
        "httpx",
        "jsonschema",
        "llama_cpp",
        "onnxruntime",
        "rich.markdown",
        "slack_bolt",
        "tokenizers",
        "uvicorn",
    }
)
"""For the first question, other commands, or another configuration."""

_START = """
import sys
sys.argv = ["parlance", "--help"]
from bot.__main__ import main
try:
    main()
except SystemExit:
    pass
import backends.llama_cpp.engine, backends.pool.pool, bot.app, bot.cli.run
print("LOADED", *sorted(sys.modules))
"""


def test_the_start_imports_nothing_that_only_later_is_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert "bot.app" in loaded
    assert loaded & LATE == set()
