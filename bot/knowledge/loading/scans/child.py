"""The child process that recognises text, one page at a time; `scans.process` starts it."""

from __future__ import annotations

import os
from contextlib import suppress

from backends.worker.frames import Head
from bot.knowledge.loading.block_frames import encode_blocks
from bot.knowledge.loading.child import Frame, Work, run_child
from bot.knowledge.loading.scans.legibility import judge_page
from bot.knowledge.loading.scans.reading_order import lines_to_blocks
from bot.skills.document_tree import Place

_NICENESS = 5
"""Answers to people come before the reading of scans."""


def _start(head: Head) -> Work:
    with suppress(OSError):
        os.nice(_NICENESS)
    from bot.knowledge.loading.scans.recognizer import Recognizer

    recognizer = Recognizer()
    languages = frozenset(map(str, head["languages"]))

    def work(request: Head, data: bytes) -> Frame:
        from bot.knowledge.loading.scans import page_images

        if request["op"] == "count":
            return {"pages": page_images.count_pictures(data)}, b""
        page = int(request["page"])
        if request["pdf"]:
            image = page_images.render_pdf(data, page)
        else:
            image = page_images.render_picture(data, page, request["max_pixels"])
        if page_images.is_blank(image):
            return {"outcome": "blank"}, b""
        lines = recognizer.read(image)
        if not lines:
            return {"outcome": "picture"}, b""
        found = judge_page(lines, languages)
        if not found.legible:
            return {"outcome": "illegible"}, b""
        blocks = lines_to_blocks(found.lines, Place(page=page))
        answer: Head = {"outcome": "read", "score": found.score, "partly": found.partly}
        return answer, encode_blocks(blocks)

    return work


def main() -> None:
    """Serves on standard input and output, as `loading.child` does."""
    run_child(_start)


if __name__ == "__main__":
    main()
