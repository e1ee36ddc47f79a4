"""A web page of any make is read in linear time, or refused in one sentence."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import suppress
from time import process_time

import pytest

from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument, load_document
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_tree import Table
from bot.web.extract import extract
from bot.web.html_blocks import blocks_of_html
from tests.hostile.attacks import Attack
from tests.hostile.pages import LARGE_PAGES, PAGES
from tests.hostile.patterns import ROOT
from tests.hostile.test_steps import steps

_CPU_SECONDS = 60
_SHORT_CHARACTERS = 600
_GROWTH = 2.6
_START_STEPS = 400


def read(html: str) -> None:
    load_document(RawDocument("page.html", html.encode()), LOADERS, for_search=False)


def blocks(html: str) -> None:
    with suppress(Refused):
        extract(html.encode(), "page.html", "text/html")


@pytest.mark.parametrize("attack", PAGES, ids=lambda attack: f"{attack.head}{attack.unit}"[:30])
def test_twice_the_page_takes_twice_the_steps(attack: Attack) -> None:
    blocks("a b.")  # what is imported once is no step of the page
    found = [steps(blocks, attack.text(_SHORT_CHARACTERS))]
    for times in (2, 4):
        found.append(steps(blocks, attack.text(times * _SHORT_CHARACTERS)))
        if found[-1] <= _GROWTH * found[-2] + _START_STEPS:
            return
    pytest.fail(f"{found} steps")


def test_large_pages() -> None:
    child = [sys.executable, "-m", "tests.hostile.test_pages"]
    ended = subprocess.run(child, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "a million elements within each other: page.html is nested too deeply to be read.",
        *(f"{name}: read" for name in list(LARGE_PAGES)[1:]),
    ]


def test_cells_that_ask_for_millions_of_others_get_a_bounded_number() -> None:
    found = blocks_of_html(LARGE_PAGES["spans of a thousand million"]())
    rows = [row for block in found if isinstance(block, Table) for row in block.rows]
    assert sum(row.count("x") for row in rows) == 5_000
    assert sum(map(len, rows)) < 100_000


def _main() -> None:
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(process_time()) + _CPU_SECONDS, resource.RLIM_INFINITY)
    )
    for name, make in LARGE_PAGES.items():
        try:
            read(make())
        except Refused as error:
            sys.stdout.write(f"{name}: {error}\n")
        else:
            sys.stdout.write(f"{name}: read\n")


if __name__ == "__main__":
    _main()
