"""Hostile files end in a text or in one sentence, and the next file is read."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backends.scripted.backend import ScriptedBackend
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings, LoadingSettings
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader, describe_plugins
from bot.knowledge.loading.page_reader import PageReader
from bot.knowledge.loading.process import LoaderProcess
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.skills.document_tree import Paragraph
from bot.skills.plugin_loader import Plugins
from bot.storage.database import Database
from bot.values import Ingested
from bot.web.fetch import Fetcher
from tests.fakes.plugin_folder import plugins_in
from tests.hostile.files import HOSTILE, pdf_encrypted
from tests.hostile.loaders import PLUGIN
from tests.processes import has_ended, until_ended
from tests.scenarios.process import ROOT, Folder
from tests.until import until

LITTLE = LoadingSettings(cpu_s=1, wall_s=30.0, memory_mb=256)
PAGE = "<html><body><main><h1>Lamp</h1><p>The lamp is lit at dusk.</p></main></body></html>"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    with plugins_in(tmp_path_factory.mktemp("plugins"), odd=PLUGIN) as found:
        yield found


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def stored(
    folder: Path, stack: AsyncExitStack, document_reader: DocumentReader
) -> KnowledgeService:
    """A knowledge service with a real store."""
    database = await Database.open(folder / "parlance.db")
    stack.push_async_callback(database.close)
    stack.push_async_callback(document_reader.aclose)
    backend = ScriptedBackend("embedder", dimension=64)

    async def embedder(base: str) -> Embedder:
        return Embedder("scripted-1", 64, 120, backend.embed, lambda text: len(text.split()))

    service = KnowledgeService(
        database,
        folder / "chroma",
        embedder=embedder,
        fetcher=Fetcher(FetchSettings()),
        settings=KnowledgeSettings(chunk_tokens=60),
        document_reader=document_reader,
    )
    stack.push_async_callback(service.aclose)
    return service


async def added(service: KnowledgeService, folder: Path) -> dict[str, str]:
    """What became of each file of a folder: `added`, or why it was refused."""
    async with aclosing(service.add(str(folder))) as events:
        ends = [event async for event in events if not event.passages_total]
    return {Path(end.location).name: _end(end) for end in ends}


def _end(event: Ingested) -> str:
    return event.detail if event.state == "refused" else event.state


def pid_of(document_reader: DocumentReader) -> int | None:
    return document_reader.pid


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


async def test_small_files_that_ask_for_much_end_in_a_text_or_a_sentence(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    files = {name: make() for name, make in HOSTILE.items()}
    assert max(len(files[name]) for name in files if name != "names.csv") < 300_000
    around = {"a-before.md": b"# Before", "z-after.md": b"# After"}
    folder = folder_of(tmp_path / "docs", files | around)
    limits = LoadingSettings(cpu_s=10, wall_s=90.0, memory_mb=512)
    service = await stored(tmp_path, stack, DocumentReader(settings=limits))
    long = "has more than 5,000,000 characters of text; split it."
    assert await added(service, folder) == {
        "a-before.md": "added",
        "blanks.pdf": "added",
        "chapters.epub": "added",
        "controls.docx": "controls.docx is nested too deeply to be read.",
        "formulas.docx": "formulas.docx is nested too deeply to be read.",
        "merged.xlsx": f"merged.xlsx {long}",
        "names.csv": f"names.csv {long}",
        "operators.pdf": "operators.pdf has no text and seems to be a scan; have its text "
        "recognised (OCR) and add it again.",
        "pages.pdf": "added",
        "rows.xlsx": f"rows.xlsx {long}",
        "wide.html": "added",
        "z-after.md": "added",
    }


async def test_a_loader_that_breaks_or_takes_too_much_refuses_its_document_alone(
    tmp_path: Path, stack: AsyncExitStack, plugins: Plugins
) -> None:
    names = ["abort", "allocate", "crash", "divide", "hide", "leave", "spin", "swallow", "tell"]
    files = {f"{name}.{name}": b"here" for name in names}
    folder = folder_of(tmp_path / "docs", files | {"z.fine": b"The lamp."})
    os.environ["LIGHTHOUSE_PHRASE"] = "swordfish"
    service = await stored(tmp_path, stack, DocumentReader(plugins, LITTLE))
    try:
        with capture_logs() as logs:
            ends = await added(service, folder)
    finally:
        del os.environ["LIGHTHOUSE_PHRASE"]
    unexpected = {ends.pop("divide.divide"), ends.pop("leave.leave")}
    assert ends == {
        "abort.abort": "abort.abort is too large to be read.",
        "allocate.allocate": "allocate.allocate is too large to be read.",
        "crash.crash": "crash.crash cannot be read: it breaks the program that reads it.",
        "hide.hide": "hide.hide is too large to be read.",
        "spin.spin": "spin.spin takes too long to be read.",
        "swallow.swallow": "swallow.swallow is too large to be read.",
        "tell.tell": "added",
        "z.fine": "added",
    }
    for log in logs:
        assert f"look it up under {log['error_id']}." in " ".join(unexpected)
    assert "ZeroDivisionError" in str(logs[0]["exc_info"])
    assert len(unexpected) == len(logs) == 2
    texts = [await service.text(one.id) for one in await service.list() if one.title != "z"]
    assert "PATH" in texts[0].split()
    assert "LIGHTHOUSE_PHRASE" not in texts[0]


async def test_one_that_takes_its_time_is_ended(tmp_path: Path, plugins: Plugins) -> None:
    limits = LoadingSettings(wall_s=2)
    async with aclosing(DocumentReader(plugins, limits)) as document_reader:
        with pytest.raises(Refused, match=r"x\.wait takes too long to be read\."):
            await document_reader.load(RawDocument("x.wait", str(tmp_path / "pid").encode()))
        found = await document_reader.load(RawDocument("x.fine", b"lamp"))
        assert found.blocks == (Paragraph("LAMP"),)


async def test_memory_is_watched_where_the_system_does_not_count_it(plugins: Plugins) -> None:
    process = LoaderProcess(
        LoadingSettings(memory_mb=64), describe_plugins(plugins), memory_is_counted=False
    )
    async with aclosing(process):
        with pytest.raises(Refused, match=r"x\.fill is too large to be read\."):
            await process.load(RawDocument("x.fill", b"lamp"))


async def test_a_cancelled_ingestion_leaves_no_process(
    tmp_path: Path, stack: AsyncExitStack, plugins: Plugins
) -> None:
    note = tmp_path / "pid"
    folder = folder_of(tmp_path / "docs", {"x.wait": str(note).encode()})
    service = await stored(tmp_path, stack, DocumentReader(plugins))
    task = asyncio.create_task(added(service, folder))
    await until(lambda: asyncio.to_thread(_written, note))
    pid = int(note.read_text())
    task.cancel()
    await asyncio.wait([task])
    assert has_ended(pid)


def _written(note: Path) -> bool:
    return note.exists() and bool(note.read_text())


async def test_the_process_is_kept_for_a_while_and_then_ended() -> None:
    async with aclosing(DocumentReader(idle_s=1.0)) as document_reader:
        assert pid_of(document_reader) is None
        assert (
            await document_reader.load(RawDocument("a.md", b"# Lamp\n\nIt is lit."))
        ).title == "Lamp"
        assert pid_of(document_reader) is None  # a small text is read without it
        await document_reader.load(RawDocument("a.html", PAGE.encode()))
        pid = pid_of(document_reader)
        assert pid is not None
        await document_reader.load(RawDocument("b.html", PAGE.encode()))
        assert pid_of(document_reader) == pid
        await until_ended(pid)
        assert pid_of(document_reader) is None
        await document_reader.load(RawDocument("c.html", PAGE.encode()))


async def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "odd.py").write_text(PLUGIN)
    note = tmp_path / "pid"
    program = f"""
        import asyncio
        from pathlib import Path
        from bot.knowledge.loading.document import RawDocument
        from bot.knowledge.loading.document_reader import DocumentReader
        from bot.skills.plugin_loader import load_plugins

        plugins = load_plugins(folders=[Path({str(tmp_path / "plugins")!r})], installed=False)
        asyncio.run(DocumentReader(plugins).load(RawDocument("x.wait", {str(note).encode()!r})))
    """
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(program)), cwd=ROOT
    )
    await until(lambda: asyncio.to_thread(_written, note))
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await until_ended(int(note.read_text()))


async def test_the_parsers_are_not_loaded_where_people_are_answered(tmp_path: Path) -> None:
    program = f"""
        import asyncio, sys
        from bot.app import open_app
        from bot.knowledge.loading.document import RawDocument
        from bot.knowledge.loading.document_reader import DocumentReader

        async def main():
            document_reader = DocumentReader()
            await document_reader.load(RawDocument("a.html", {PAGE.encode()!r}))
            await document_reader.aclose()

        asyncio.run(main())
        names = ("lxml", "pypdfium2", "chardetng_py")
        print([name for name in names if name in sys.modules])
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(program)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


async def test_attachments_and_pages_are_read_there_too() -> None:
    async with aclosing(DocumentReader()) as document_reader:
        reader = PageReader(Fetcher(FetchSettings()), document_reader)
        with pytest.raises(Refused, match=r"rows\.xlsx has more than 5,000,000 characters"):
            await reader.read_bytes("rows.xlsx", HOSTILE["rows.xlsx"]())
        page = await reader.read_bytes("page.html", PAGE.encode())
        assert (page.title, page.text) == ("Lamp", "# Lamp\n\nThe lamp is lit at dusk.")
        assert document_reader.pid is not None


async def test_one_document_does_not_keep_the_bot_from_starting(tmp_path: Path) -> None:
    """Encrypted PDFs are read where they open without a password."""
    files = {
        "a-before.md": b"# Before",
        "aes128.pdf": pdf_encrypted("AES-128", ""),
        "aes256.pdf": pdf_encrypted("AES-256", ""),
        "closed.pdf": pdf_encrypted("AES-256", "secret"),
        "z-after.md": b"# After",
    }
    files["sum.divide"] = b"1 / 0"
    papers = folder_of(tmp_path / "papers", files)
    pictures = folder_of(tmp_path / "pictures", {"lamp.png": b"\x89PNG"})
    plugins = folder_of(tmp_path / "plugins", {"odd.py": PLUGIN.encode()})
    folder = Folder(tmp_path)
    folder.configure(
        knowledge={"sync": [{"path": str(pictures)}, {"path": str(papers)}]},
        plugins={"folders": [str(plugins)]},
    )
    ran = await folder.run("run", stdin=b"hello\n")
    assert ran.status == 0, ran.err
    assert "has no document that can be read, only 1 .png." in ran.err
    assert "sum.divide could not be read. An admin can look it up under" in ran.err
    assert "ZeroDivisionError" in ran.err
    assert "closed.pdf is encrypted; save it without a password and add it again." in ran.err
    listed = (await folder.run("docs", "list", "--json")).no_trace()
    assert sorted(Path(row["location"]).name for row in listed.json) == [
        *("a-before.md", "aes128.pdf", "aes256.pdf", "z-after.md")
    ]
