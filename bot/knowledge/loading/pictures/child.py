"""The child process that decodes pictures, one file at a time; `pictures.reader` starts it."""

from __future__ import annotations

from itertools import islice

from backends.worker.frames import Head
from bot.knowledge.loading.child import Frame, Work, run_child


def _start(head: Head) -> Work:
    from PIL import Image

    from bot.knowledge.loading.pictures.decoder import PictureLimits
    from bot.knowledge.loading.pictures.documents import find_pictures

    Image.preinit()
    limits = PictureLimits(int(head["max_pixels"]), int(head["side"]))

    def work(request: Head, data: bytes) -> Frame:
        most = int(request["most"])
        found = list(islice(find_pictures(data, str(request["name"]), limits), most + 1))
        told = [
            {
                "media_type": one.media_type,
                "width": one.width,
                "height": one.height,
                "bytes": len(one.data),
                "moves": one.moves,
            }
            for one in found[:most]
        ]
        answer: Head = {"pictures": told, "more": len(found) > most}
        return answer, b"".join(one.data for one in found[:most])

    return work


def main() -> None:
    """Serves on standard input and output, as `loading.child` does."""
    run_child(_start)


if __name__ == "__main__":
    main()
