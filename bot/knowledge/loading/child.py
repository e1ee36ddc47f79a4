"""The child process that reads documents, one at a time; `loading.process` starts it.

Frames come in on standard input and go out on standard output; both are taken away from the loaders
first, and what is printed is only counted. A thread reads, so that the end of the parent is noticed
whatever a loader is doing. Answers are JSON, nothing that could run: what is read here may have use
this process over.
"""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from backends.worker.frames import LENGTHS_FORMAT, Head, pack_frame, parse_head, unpack_lengths
from bot.errors import PluginError, UserFacingError
from bot.knowledge.loading.block_frames import encode_blocks, encode_left_out
from bot.knowledge.loading.limits import (
    ResourceUse,
    disable_core_dumps,
    is_out_of_memory,
    limit_resources,
    mapped_bytes,
)
from bot.knowledge.loading.noise import Noise
from bot.knowledge.loading.sentence_frames import encode_sentence
from bot.skills.document_loader import Loader, NoText

Frame = tuple[Head, bytes]
Work: TypeAlias = Callable[[Head, bytes], Frame]
"""Reads what a request asks for. May raise anything; a `UserFacingError` is said to people."""
Start: TypeAlias = Callable[[Head], Work]
"""Loads what the work needs, and returns it. May raise anything, too."""


def serve(source: BinaryIO, sink: BinaryIO, start: Start, noise: Noise) -> None:
    """Answers the requests of the parent until it closes the pipe or ends this process."""
    requests: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, requests), daemon=True, name="frames").start()
    work: Work = _answer_nothing
    begun = 0
    while True:
        head, data = requests.get()
        if head["op"] == "start":
            disable_core_dumps()
            answer: Head = {"op": "started"}
            try:
                work = start(head)
            except Exception:  # noqa: BLE001 - the parent logs it: a plugin may raise anything
                answer = {"op": "failed", "trace": traceback.format_exc()}
            begun = mapped_bytes() if head["memory"] else 0
            noise.take()
            sink.write(pack_frame(answer))
        else:
            answer, text = _answer(head, data, work)
            # What a document has left behind is not to be had by the next one for nothing.
            grown = bool(head["memory"]) and mapped_bytes() > begun + head["memory"]
            answer |= {"last": answer["last"] or grown, "noise": noise.take()}
            sink.write(pack_frame(answer, text))
        sink.flush()
        del head, data


def _listen(source: BinaryIO, requests: queue.SimpleQueue[Frame]) -> None:
    while len(prefix := source.read(LENGTHS_FORMAT.size)) == LENGTHS_FORMAT.size:
        head_size, body_size = unpack_lengths(prefix)
        requests.put((parse_head(source.read(head_size)), source.read(body_size)))
    os._exit(0)


def _answer_nothing(head: Head, data: bytes) -> Frame:
    """The work of a process that did not start."""
    raise RuntimeError("This process did not start.")


def start_loaders(head: Head) -> Work:
    """Loads what reads documents."""
    from bot.knowledge.loading.registry import LOADERS  # the process that reads scans needs none

    return partial(_read_document, loaders=(*_load_plugin_loaders(head["plugins"]), *LOADERS))


def _load_plugin_loaders(description: Head | None) -> Sequence[Loader]:
    """Loads the plugins again to get their loaders, since functions cannot be sent."""
    if description is None:
        return ()
    from bot.skills.plugin_loader import (
        load_plugins,  # takes its time to import, and few have such plugins
    )

    found = load_plugins(
        description["modules"],
        folders=[Path(folder) for folder in description["folders"]],
        disabled=description["disabled"],
        settings=description["settings"],
        installed=description["installed"],
    )
    if [loader.name for loader in found.loaders] != description["loaders"]:
        problems = " ".join(map(str, found.problems))
        raise PluginError(f"Plugins have other loaders in the process that reads: {problems}")
    return found.loaders


def _answer(head: Head, data: bytes, work: Work) -> Frame:
    """Answers one request; `last` asks the parent to start a new process for the next one."""
    use = ResourceUse()
    try:
        with limit_resources(head["cpu_s"], head["memory"]) as use:
            answer, text = work(head, data)
        return {"op": "read", **answer, "last": use.nearly_all}, text
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a loader may raise anything
        if use.nearly_all or is_out_of_memory(error):
            return {"op": "large", "last": True}, b""
        if isinstance(error, UserFacingError):
            return {"op": "refused", "why": encode_sentence(str(error)), "last": False}, b""
        return {"op": "failed", "trace": traceback.format_exc(), "last": False}, b""


def _read_document(head: Head, data: bytes, loaders: Sequence[Loader]) -> Frame:
    from bot.knowledge.loading.document import RawDocument, load_document
    from bot.knowledge.loading.sitemap import read_sitemap

    if head["op"] == "sitemap":
        found = read_sitemap(data, head["url"])
        return {"sitemap": None if found is None else asdict(found)}, b""
    raw = RawDocument(
        head["name"], data, head["content_type"], head["charset"], called=head["called"]
    )
    try:
        loaded = load_document(raw, loaders, for_search=head["for_search"])
    except NoText as error:
        return {"no_text": encode_sentence(str(error)), "unread_pages": error.unread_pages}, b""
    head = {
        "title": loaded.title,
        "left_out": encode_left_out(loaded.left_out),
        "unread_pages": loaded.unread_pages,
    }
    return head, encode_blocks(loaded.blocks)


def main() -> None:
    """Serves the loaders."""
    run_child(start_loaders)


def run_child(start: Start) -> None:
    """Serves on standard input and output, which the work then cannot reach."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    serve(source, sink, start, Noise())


if __name__ == "__main__":
    main()
