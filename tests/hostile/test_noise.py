"""What libraries print, log and warn of reaches no terminal; it is counted, once a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.config.scans import ScanSettings
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.noise import read_noise
from bot.skills.plugin_loader import Plugins
from tests.fakes.pdf_pages import write_pdf
from tests.fakes.plugin_folder import plugins_in
from tests.fakes.recognition.rapidocr.main import LINES, PACKAGES, TALK, bar

NOISY = """
import logging
import os
import subprocess
import sys
import warnings

from bot.api import Loaded, Loader, hookimpl


def read(data, name):
    text = data.decode()
    for _ in range(2):
        warnings.warn(f"deep in {text}")
        logging.getLogger("parser.deep").warning("odd: %s", text)
    logging.getLogger("parser").debug("nobody asked")
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.buffer.write(b"raw\\n")
    os.write(2, b"from a library\\n")
    subprocess.run(["sh", "-c", "echo out; echo error >&2"], check=True)
    return Loaded(text)


def flood(data, name):
    try:
        while True:
            os.write(2, b"x" * 99 + b"\\n")
    except BlockingIOError:
        pass
    for _ in range(100_000):
        sys.stderr.write("again\\n")
    return Loaded("Lamp.")


@hookimpl
def register_loaders():
    return [
        Loader("noisy", frozenset({".noisy"}), read),
        Loader("flood", frozenset({".flood"}), flood),
    ]
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Plugins]:
    (tmp_path / "plugins").mkdir()
    with plugins_in(tmp_path / "plugins", noisy=NOISY) as plugins:
        yield plugins


async def test_the_noise_of_libraries_is_counted_once_a_document(plugins: Plugins) -> None:
    with capture_logs() as logs:
        async with aclosing(DocumentReader(plugins)) as reader:
            for name in ("a.noisy", "b.noisy"):
                await reader.load(RawDocument(name, b"secret words"))
            await reader.load(RawDocument("c.html", b"<html><body><p>Quiet.</p></body></html>"))
    expected = {"UserWarning": 2, "parser": 2, "printed": 6}
    assert [(log["log_level"], log["document"], log["noise"]) for log in logs] == [
        ("debug", "a.noisy", expected),
        ("debug", "b.noisy", expected),
    ]
    assert "secret words" not in str(logs)


async def test_the_noise_of_text_recognition_is_counted_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(PACKAGES)
    with capture_logs() as logs:
        async with aclosing(DocumentReader(scans=ScanSettings(enabled=True))) as reader:
            found = await reader.load(RawDocument("a.pdf", write_pdf(bar(TALK), bar(10))))
    assert [one.page for one in found.recognized] == [1, 2]
    expected = {"UserWarning": 2, "RapidOCR": 2, "printed": 6}  # first to see which way is up
    assert [(log["log_level"], log["document"], log["noise"]) for log in logs] == [
        ("debug", "a.pdf", expected)
    ]
    assert LINES[10][0] not in str(logs)


async def test_noise_without_end_holds_nothing_up(plugins: Plugins) -> None:
    with capture_logs() as logs:
        async with aclosing(DocumentReader(plugins)) as reader:
            assert (await reader.load(RawDocument("a.flood", b"x"))).blocks
    (log,) = logs
    assert log["noise"]["printed"] > 100_000


@pytest.mark.parametrize("told", [None, 7, [], {"a": "x"}, {"a": None}])
def test_a_child_that_says_something_else_is_not_logged(told: object) -> None:
    assert read_noise(told) == {}


def test_a_child_that_says_much_is_cut_short() -> None:
    read = read_noise({f"{n}" * 1_000: n for n in range(1_000)})
    assert 0 < len(read) <= 20
    assert all(len(name) <= 60 for name in read)
