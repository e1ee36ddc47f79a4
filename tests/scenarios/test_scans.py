"""What an operator is told of scans: how to have them read, what that needs, what was read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.fakes.pdf_pages import write_pdf
from tests.fakes.recognition.rapidocr.main import PACKAGES, bar
from tests.scenarios.process import Folder


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(write_pdf(bar(10), bar(20), bar(30)))
    return path


async def test_scans_are_read_and_listed_with_their_pages(tmp_path: Path, scan: Path) -> None:
    folder = Folder(tmp_path, {"PYTHONPATH": str(PACKAGES)})
    folder.configure(knowledge={"ocr": {"enabled": True}})
    added = (await folder.run("docs", "add", str(scan))).no_trace()
    assert added.err.splitlines() == [
        f"{scan}: read by text recognition, 2 pages.",
        f"{scan}: not read: 1 page that could not be read well enough.",
    ]
    (listed,) = (await folder.run("docs", "list", "--json")).json
    assert listed["text recognition"] == "read by text recognition, 2 pages, 97 % sure"


async def test_an_operator_is_told_how_to_have_scans_read(tmp_path: Path, scan: Path) -> None:
    folder = Folder(tmp_path)
    folder.configure()
    added = (await folder.run("docs", "add", str(scan))).no_trace()
    assert added.status == 1
    assert added.err.splitlines() == [
        "scan.pdf has no text and seems to be a scan; have its text recognised (OCR) and add it "
        "again.",
        "Scans are read where `knowledge.ocr` in config.yaml is `enabled`; `parlance doctor` says "
        "what that needs.",
    ]


@pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is not None, reason="the extra `ocr` is installed"
)
async def test_the_missing_package_is_said_with_the_command_that_installs_it(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path)
    folder.configure(knowledge={"ocr": {"enabled": True}})
    looked = (await folder.run("doctor", "--json")).no_trace()
    (row,) = [row for row in looked.json if row["what"] == "text recognition"]
    assert row["ok"] is False
    assert "-m pip install rapidocr==" in row["detail"]
    started = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert "Scans are not read: text recognition is on and its package is" in started.err
