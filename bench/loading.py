"""What a long PDF costs to read, beside pdfium's own plain text of the same pages."""

from __future__ import annotations

import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pypdfium2

from bench.documents import row
from bench.rows import Row
from bot.knowledge.loading.registry import PDF

PAGES = 600
_SECTIONS_A_PAGE = 1.02
_QUICK_PAGES = 60
_ROUNDS = 3
_MAX_RATIO = 8.0
"""The reader's CPU time over that of the plain text."""
_WORDS = re.findall(
    r"\w+",
    "the keeper lights a lamp and climbs stairs every evening before sun has set while boats in "
    "harbour wait for wind of north pier buoy anchor rope storm signal tide table watch report "
    "maintenance officer inspection pressure valve generator efficient first office difference",
)


def write_latex(pages: int, seed: int = 1) -> str:
    """The source of a paper of about so many pages: two columns, sections, tables, lists, notes."""
    dice = random.Random(seed)

    def sentence() -> str:
        words = dice.choices(_WORDS, k=dice.randint(8, 18))
        return " ".join(words).capitalize() + "."

    def paragraph(sentences: int) -> str:
        return " ".join(sentence() for _ in range(sentences))

    def measurements(number: int) -> str:
        rows = [
            f"{dice.choice(_WORDS).capitalize()} {row} & {dice.randint(1, 9999)} & "
            f"{dice.random() * 100:.2f} & {dice.choice(_WORDS)} \\\\"
            for row in range(dice.randint(6, 14))
        ]
        body = "\n".join(rows)
        return (
            f"\\begin{{table}}[ht]\\caption{{Measurements {number}}}\n\\begin{{tabular}}{{lrrl}}\n"
            f"\\hline\nPlace & Count & Share & State \\\\\n\\hline\n{body}\n\\hline\n"
            "\\end{tabular}\\end{table}"
        )

    parts = ["\\documentclass[twocolumn,10pt]{article}\\extrafloats{500}\\begin{document}"]
    for number in range(int(pages * _SECTIONS_A_PAGE)):
        parts += [f"\\section{{{' '.join(dice.choices(_WORDS, k=4))}}}", paragraph(9)]
        parts += [paragraph(7) + f"\\footnote{{{sentence()}}}", measurements(number)]
        parts += ["\\begin{itemize}", *(f"\\item {sentence()}" for _ in range(4))]
        parts += [
            "\\end{itemize}",
            paragraph(8),
            paragraph(10),
            "\\clearpage" * (number % 20 == 19),
        ]
    return "\n\n".join([*parts, "\\end{document}"])


def _typeset(source: str, folder: Path) -> bytes:
    """The PDF of a LaTeX source."""
    (folder / "long.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=batchmode", "long.tex"]
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    return (folder / "long.pdf").read_bytes()


def _cpu_s(read: Callable[[], object]) -> float:
    began = time.process_time()
    read()
    return time.process_time() - began


def _read_plain(data: bytes) -> int:
    """Read the pages' text as pdfium has it: no order, no tables, no headings."""
    document = pypdfium2.PdfDocument(data)
    try:
        return sum(len(page.get_textpage().get_text_range()) for page in document)
    finally:
        document.close()


async def rows(quick: bool) -> list[Row]:
    """The CPU time of a long PDF; None where LaTeX is not installed."""
    pages = _QUICK_PAGES if quick else PAGES
    name = f"PDF of {pages} pages with columns and tables, CPU beside pdfium's plain text"
    if shutil.which("pdflatex") is None:
        return [Row(name, None, "×", f"≤ {_MAX_RATIO:g}", None)]
    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
        data = _typeset(write_latex(pages), Path(folder))
    ratios, seconds = [], []
    for _ in range(_ROUNDS):
        plain = _cpu_s(lambda: _read_plain(data))
        seconds.append(_cpu_s(lambda: PDF.load(data, "long.pdf")))
        ratios.append(seconds[-1] / plain)
    return [
        row(name, statistics.median(ratios), "×", _MAX_RATIO, most=True),
        Row(f"PDF of {pages} pages, CPU", round(min(seconds), 2), "s", "", None),
    ]
