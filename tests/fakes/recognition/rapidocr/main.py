"""A scripted text recognition with the interface of `rapidocr.main`, for the child process.

It finds the dark bars of a page; the shade of a bar says what is read there, or what goes wrong.
Put `PACKAGES` before the other paths of packages, and `bar` draws bars in a PDF.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

PACKAGES = Path(__file__).parents[1]
LINES = {
    10: ("The keeper trims the wick every evening before the sun goes down.", 0.99),
    20: ("The lamp of the first order burns colza oil, seen from afar.", 0.95),
    30: ("         .   ", 0.93),  # as Cyrillic comes out
    40: ("νερ τη λη ρρεται α τα ηια στην ιλα. ε ηι", 0.85),  # as Greek does
    50: ("本市的自来水来自山谷中的三口水井每口井每两周检测一次结果公布在市政厅的公告栏", 0.99),
}
ABORT, SPIN, FILL, DIVIDE, TALK = 60, 70, 80, 90, 100


class RapidOCRError(Exception):
    """Nothing was found."""


class RapidOCR:
    """Takes the parameters of the real one, and needs none."""

    def __init__(self, params: dict[str, Any]) -> None:
        assert params["EngineConfig.onnxruntime.intra_op_num_threads"] == 1

    def detect_and_crop(self, page: Any, record: dict[str, Any]) -> tuple[list[Any], Any]:
        """The bars of a page from top to bottom, each with its box."""
        dark = (page[:, :, 0] < 120).any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], dark, [False])).astype(int)))
        crops, boxes = [], []
        for top, bottom in edges.reshape(-1, 2):
            across = np.flatnonzero((page[top:bottom, :, 0] < 120).any(axis=0))
            left, right = across[0], across[-1] + 1
            crops.append(page[top:bottom, left:right])
            boxes.append([(left, top), (right, top), (right, bottom), (left, bottom)])
        if not boxes:
            raise RapidOCRError
        return crops, SimpleNamespace(boxes=np.array(boxes))

    def recognize_txt(self, crops: Sequence[Any]) -> SimpleNamespace:
        """What the bars stand for."""
        found = [_read(int(np.median(crop))) for crop in crops]
        return SimpleNamespace(
            txts=[text for text, _ in found], scores=[score for _, score in found]
        )


def _read(shade: int) -> tuple[str, float]:
    kind = round(shade / 10) * 10
    if kind == ABORT:
        os.kill(os.getpid(), signal.SIGABRT)
    while kind == SPIN:
        pass
    if kind == FILL:
        return str(len(bytearray(8_000_000_000))), 1.0
    if kind == DIVIDE:
        return str(1 // 0), 1.0
    if kind == TALK:
        sys.stdout.write(f"{LINES[10][0]}\n")
        sys.stderr.write(f"{LINES[10][0]}\n")
        os.write(1, b"from a library\n")
        logging.getLogger("RapidOCR").warning(LINES[10][0])
        warnings.warn(LINES[10][0], stacklevel=1)
        return LINES[10]
    return LINES.get(kind, ("", 0.0))


def bar(*shades: int) -> str:
    """The content of a PDF page with a bar of each shade, from top to bottom."""
    return " ".join(
        f"{shade / 255:.4f} g 60 {720 - 24 * at} 480 14 re f" for at, shade in enumerate(shades)
    )
