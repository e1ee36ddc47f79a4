"""What the start need not import, it does not: a person waits for it until the prompt shows."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bot.cli import COMMANDS, app

LATE = frozenset(
    {
        "aiohttp",
        "alembic",
        "bot.knowledge.index.chroma_server",
        "bot.knowledge.loading.pdf.document",
        "bot.storage.migrations",
        "bot.web.fetch",
        "chromadb",
        "cryptography",
        "discord",
        "gpt4all",
        "httpx",
        "jsonschema",
        "llama_cpp",
        "mcp",
        "numpy",
        "onnxruntime",
        "huggingface_hub",
        "prompt_toolkit",
        "rich.markdown",
        "ruamel",
        "slack_bolt",
        "sqlalchemy.dialects.postgresql",
        "mcp_types",
        "tokenizers",
        "uvicorn",
    }
)
"""For the first question, other commands, or another configuration."""

_NEW = """
import asyncio, pathlib, sys
from bot.storage.database import Database
async def main():
    await (await Database.open(pathlib.Path(sys.argv[1]))).close()
asyncio.run(main())
print("LOADED", *sorted(sys.modules))
"""

HEAVY = frozenset({"bot.installation", "bot.config", "sqlalchemy", "structlog", "yaml"})
"""What reads a configuration and serves."""

_START = """
import sys
import backends.llama_cpp.engine, backends.onnx.embedder, backends.pool.pool, bot.app
import bot.cli.bot_process
print("LOADED", *sorted(sys.modules))
"""

_CALL = """
import sys
sys.argv = ["parlance", *sys.argv[1:]]
from bot.__main__ import main
try:
    main()
except SystemExit:
    pass
print("LOADED", *sorted(sys.modules))
"""


_PIPE = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted(sys.modules)))
sys.argv = ["parlance", "run", "--config", sys.argv[1]]
from bot.__main__ import main
main()
"""
_READER = """
import sys
from bot.knowledge.loading.child import start_loaders
work = start_loaders({"plugins": None})
head = dict(op="load", name="a.md", called="", content_type="", charset="", for_search=True)
work(head, b"# The lamp")
print("LOADED", *sys.modules)
"""
_CHROMA = """
import asyncio, pathlib, sys
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
async def main():
    index = ChromaIndex(ChromaFolder(pathlib.Path(sys.argv[1])))
    await index.count("notes")
    await index.aclose()
asyncio.run(main())
print("LOADED", *sys.modules)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from chromadb.telemetry import opentelemetry as chroma
assert type(chroma.OTLPSpanExporter(endpoint="http://127.0.0.1:1")) is OTLPSpanExporter
"""
_SOURCES = """
import linecache, bot.config
print("LOADED", *linecache.cache)
"""
_CONFIG = """
models: {default: {backend: scripted}, embedder: {backend: scripted}}
embedder: embedder
"""


def loaded(program: str, *arguments: str, stdin: str = "") -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return set(done.stdout.split("LOADED")[1].split())


def test_the_start_imports_nothing_that_only_later_is_needed() -> None:
    modules = loaded(_START)
    assert "bot.app" in modules
    assert modules & LATE == set()


@pytest.mark.parametrize("call", [["--help"], []], ids=" ".join)
def test_the_list_of_commands_imports_none_of_them(call: list[str]) -> None:
    modules = loaded(_CALL, *call)
    assert "typer" in modules
    assert modules & (LATE | HEAVY | {"rich.console"}) == set()
    assert {name for name in modules if name.startswith("bot.cli.")} == {
        "bot.cli.imports",
        "bot.cli.lazy_group",
    }


@pytest.mark.parametrize("call", ["run", "status", "stop", "check", "doctor", "backup", "manifest"])
def test_the_help_of_a_command_reads_no_configuration(call: str) -> None:
    modules = loaded(_CALL, call, "--help")
    assert "bot.cli.options" in modules
    assert modules & (LATE | HEAVY | {"bot.cli.bot_process", "rich.progress"}) == set()


def test_each_command_of_the_list_is_there() -> None:
    context = typer.Context(typer.main.get_command(app))
    for name, one in COMMANDS.items():
        command = one.load(name)
        assert command.name == name
        assert command.help
        assert command.hidden == one.hidden
        assert command.get_usage(context)


def test_the_prompt_shows_before_what_only_the_first_question_needs(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG, "utf-8")
    names = _imports_until_the_end_of_a_chat(config, tmp_path / "imports")
    prompt = names.index("prompt_toolkit.patch_stdout")
    before = set(names[:prompt])
    assert "bot.app" in before
    assert before & (LATE - {"prompt_toolkit"}) == set()


def _imports_until_the_end_of_a_chat(config: Path, log: Path) -> list[str]:
    """The modules that a chat in a terminal imports, in their order; Ctrl-D ends it once the prompt
    shows."""
    leader, follower = pty.openpty()
    with log.open("wb") as out:
        chat = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "bot", "run", "--config", str(config)],
            stdin=follower, stdout=follower, stderr=out,
            cwd=Path(__file__).parents[2], env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while "›".encode() not in seen:
            seen += os.read(leader, 65536)
        os.write(leader, b"\x04")
        while True:
            os.read(leader, 65536)
    except OSError:
        pass  # the other end is closed
    finally:
        chat.kill() if chat.poll() is None and "›".encode() not in seen else chat.wait(60)
        os.close(leader)
    return re.findall(r"^import time: .*\| +(\S+)$", log.read_text("utf-8"), re.MULTILINE)


def test_chroma_is_opened_without_what_would_send_its_traces(tmp_path: Path) -> None:
    modules = loaded(_CHROMA, str(tmp_path / "chroma"))
    assert "chromadb" in modules
    assert modules & {"grpc", "google.protobuf"} == set()


def test_the_settings_are_declared_without_reading_their_sources() -> None:
    """It took a third of their import: what their documentation says was looked for each time."""
    assert loaded(_SOURCES) == set()


def test_a_pipe_imports_nothing_that_its_lines_do_not_need(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG, "utf-8")
    modules = loaded(_PIPE, str(config), stdin="hello\nand again\n")
    assert "bot.adapters.terminal.adapter" in modules
    assert modules & (LATE - {"numpy"}) == set()  # the embedder is tried beside the first line


def test_a_new_database_needs_no_migrations(tmp_path: Path) -> None:
    modules = loaded(_NEW, str(tmp_path / "data" / "parlance.db"))
    assert "bot.storage.creation" in modules
    assert modules & LATE == set()


def test_a_process_that_reads_documents_imports_no_library_of_engines() -> None:
    """Numbers and settings took two thirds of its start; there is one for each batch of files."""
    modules = loaded(_READER)
    assert "bot.knowledge.loading.registry" in modules
    assert modules & (LATE | {"numpy", "pydantic", "sqlalchemy"}) == set()


def test_the_process_that_recognizes_text_imports_no_loaders() -> None:
    modules = loaded("import sys, bot.knowledge.loading.scans.child\nprint('LOADED', *sys.modules)")
    assert "bot.knowledge.loading.scans.legibility" in modules
    assert modules & (LATE | {"bot.knowledge.loading.registry", "pydantic", "sqlalchemy"}) == set()
