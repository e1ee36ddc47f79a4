"""Recognises the lines of text of a page with rapidocr. Runs in the child process only."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bot.knowledge.loading.scans.page_images import Image
from bot.knowledge.loading.scans.text_line import TextLine

Box: TypeAlias = NDArray[np.float64]
"""The four corners of a line: top left, top right, bottom right, bottom left."""

_PARAMETERS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
    "Global.use_vertical_padding": False,
    "Rec.rec_batch_num": 1,  # a batch takes more memory, and with one thread no less time
}
_TALL_RATIO = 1.5
"""A line that is so much higher than long runs upwards, unless it is a single letter."""
_MAX_TRIED_LINES = 5
_GOOD_SCORE = 0.9


class Recognizer:
    """Holds the models, which are loaded at once. Raises `ImportError` without rapidocr."""

    def __init__(self) -> None:
        importlib.import_module("cv2").setNumThreads(1)
        rapidocr = importlib.import_module("rapidocr.main")
        self._nothing_found: type[Exception] = rapidocr.RapidOCRError
        self._engine: Any = rapidocr.RapidOCR(params=_PARAMETERS)
        sample = np.full((736, 736, 3), 255, dtype=np.uint8)
        sample[100:130, 100:300:8] = 0
        self._detect(sample)
        self._recognize([sample[90:140, 90:310]])

    def read(self, image: Image) -> list[TextLine]:
        """Returns the lines of a page, turned upright where it lies on its side or head.

        A line that cannot be read has an empty text or a low score.
        """
        page: NDArray[np.uint8] = np.repeat(image[:, :, None], 3, axis=2)
        crops, boxes = self._detect(page)
        if crops and _lies_on_its_side(boxes):
            page = np.ascontiguousarray(np.rot90(page))
            crops, boxes = self._detect(page)
        if not crops:
            return []
        if self._stands_on_its_head(crops, boxes):
            page = np.ascontiguousarray(page[::-1, ::-1])
            crops, boxes = self._detect(page)
        return _to_lines(self._recognize(crops), boxes)

    def _stands_on_its_head(self, crops: Sequence[Any], boxes: Sequence[Box]) -> bool:
        longest = sorted(range(len(crops)), key=lambda at: -_length(boxes[at]))
        tried = [crops[at] for at in longest[:_MAX_TRIED_LINES]]
        upright = _mean_score(self._recognize(tried))
        if upright >= _GOOD_SCORE:
            return False
        turned = self._recognize([np.ascontiguousarray(crop[::-1, ::-1]) for crop in tried])
        return _mean_score(turned) > max(upright, _GOOD_SCORE)

    def _detect(self, page: NDArray[np.uint8]) -> tuple[list[Any], list[Box]]:
        try:
            crops, found = self._engine.detect_and_crop(page, {})
        except self._nothing_found:
            return [], []
        return list(crops), [np.asarray(box, dtype=np.float64) for box in found.boxes]

    def _recognize(self, crops: Sequence[Any]) -> list[tuple[str, float]]:
        try:
            found = self._engine.recognize_txt(list(crops))
        except self._nothing_found:
            return [("", 0.0)] * len(crops)
        return [
            (str(text), float(score)) for text, score in zip(found.txts, found.scores, strict=True)
        ]


def _mean_score(lines: Iterable[tuple[str, float]]) -> float:
    scores = [score for _, score in lines]
    return sum(scores) / len(scores)


def _length(box: Box) -> float:
    return float(np.linalg.norm(box[1] - box[0]))


def _height(box: Box) -> float:
    return float(np.linalg.norm(box[3] - box[0]))


def _lies_on_its_side(boxes: Sequence[Box]) -> bool:
    tall = sum(_height(box) for box in boxes if _height(box) > _TALL_RATIO * _length(box))
    return tall > sum(_length(box) for box in boxes if _height(box) <= _TALL_RATIO * _length(box))


def _to_lines(texts: Sequence[tuple[str, float]], boxes: Sequence[Box]) -> list[TextLine]:
    """The lines with their boxes as they would be if the page were not askew."""
    angle = median(
        math.atan2(float(box[1][1] - box[0][1]), float(box[1][0] - box[0][0])) for box in boxes
    )
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    lines: list[TextLine] = []
    for (text, score), box in zip(texts, boxes, strict=True):
        corners = box @ turn
        left, right = (corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2
        top, bottom = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        lines.append(
            TextLine(text, score, float(left[0]), float(top[1]), float(right[0]), float(bottom[1]))
        )
    return lines
