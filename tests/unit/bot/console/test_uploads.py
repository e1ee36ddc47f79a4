"""Forms with files, sent by a real client to a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.console.uploads import (
    MAX_OPEN_UPLOADS,
    MAX_UPLOADED_FILES,
    UploadForm,
    Uploads,
    clean_file_name,
)
from bot.http.messages import Request, Response, endpoint
from bot.http.routes import Routes
from bot.http.server import serve_http

MAX_FILE_BYTES = 100_000
OURS = "right"


@dataclass
class Server:
    """Answers with what arrived; `keep` leaves forms open."""

    uploads: Uploads
    keep: bool = False
    kept: list[UploadForm] = field(default_factory=list)
    address: str = ""

    async def answer(self, request: Request) -> Response:
        form = await self.uploads.read(request, lambda given: given == OURS)
        files = [
            [one.name, one.content_type, one.size, (await one.read(MAX_FILE_BYTES)).decode()[:20]]
            for one in form.files
        ]
        if self.keep:
            self.kept.append(form.take())
        await form.close()
        return Response(200, json.dumps({"fields": form.fields, "files": files}).encode())

    async def post(self, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.post(f"{self.address}/form", **more)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(Uploads(tmp_path, MAX_FILE_BYTES))
    routes = Routes()
    routes.mount("/form", endpoint("POST", made.answer))
    async with serve_http(routes, "127.0.0.1", 0) as made.address:
        yield made
    for form in made.kept:
        await form.close()


def a_file(data: bytes = b"text", name: str = "a.txt") -> tuple[str, tuple[str, bytes, str]]:
    return ("file", (name, data, "text/plain"))


async def test_fields_and_files_arrive(server: Server, tmp_path: Path) -> None:
    answer = await server.post(
        data={"token": OURS, "base": "Bücher"},
        files=[a_file(b"one", "ä.txt"), a_file(b"two" * 30_000, "b.md"), a_file(b"", "c.txt")],
    )
    assert answer.json() == {
        "fields": {"token": OURS, "base": "Bücher"},
        "files": [
            ["ä.txt", "text/plain", 3, "one"],
            ["b.md", "text/plain", 90_000, "twotwotwotwotwotwotw"],
            ["c.txt", "text/plain", 0, ""],
        ],
    }
    assert not await asyncio.to_thread(lambda: [*tmp_path.iterdir()])


async def test_nothing_of_a_file_is_taken_before_the_form_is_known(server: Server) -> None:
    files = [a_file()]
    assert (await server.post(data={"token": "wrong"}, files=files)).status_code == 403
    assert (await server.post(data={"base": "x"}, files=files)).status_code == 403
    late = [*files, ("token", (None, OURS))]
    assert (await server.post(files=late)).status_code == 403  # the field stands after the file
    assert (await server.post(files=[("base", (None, "x"))])).status_code == 403


async def test_of_a_file_that_is_too_large_nothing_is_kept(server: Server) -> None:
    files = [a_file(b"x" * (MAX_FILE_BYTES + 1)), a_file(b"small")]
    answer = await server.post(data={"token": OURS}, files=files)
    assert [one[2:] for one in answer.json()["files"]] == [[MAX_FILE_BYTES + 1, ""], [5, "small"]]


async def test_a_form_is_bounded_with_all_that_is_in_it(server: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"--b\r\nContent-Disposition: form-data; name=token\r\n\r\nright\r\n"
        yield b"--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
        for _ in range(100):
            yield b"x" * 60_000

    right = {"token": OURS}
    many = [a_file()] * (MAX_UPLOADED_FILES + 1)
    large = [a_file(b"x" * 200_000)] * 4
    for more in (
        {"data": right, "files": many},
        {"data": right, "files": large},
        {"data": {**right, "x": "y" * 100_000}, "files": [a_file()]},
        {"data": {**right, **{f"x{n}": "y" for n in range(100)}}, "files": [a_file()]},
        {"content": pieces(), "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ):
        assert (await server.post(**more)).status_code == 413, str(more)[:60]
    assert (await server.post(data=right, files=[a_file()])).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        (f"multipart/form-data; boundary={'b' * 300}", b"x"),
        ("multipart/form-data; boundary=b", b"no boundary"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken\r\n\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nright\r\n'
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nhalf of it',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 50 + b"\r\n\r\n--b--"),
    ],
)
async def test_what_is_no_whole_form_is_refused(server: Server, kind: str, body: bytes) -> None:
    answer = await server.post(content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert (await server.post(data={"token": OURS}, files=[a_file()])).status_code == 200


async def test_only_so_many_forms_are_open_at_once(server: Server) -> None:
    server.keep = True
    files = [a_file()]
    for _ in range(MAX_OPEN_UPLOADS):
        assert (await server.post(data={"token": OURS}, files=files)).status_code == 200
    assert (await server.post(data={"token": OURS}, files=files)).status_code == 503
    taken = server.kept.pop()
    assert await taken.files[0].read(10) == b"text"  # after its request
    await taken.close()
    await taken.close()
    assert (await server.post(data={"token": OURS}, files=files)).status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\notes.md", "notes.md"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\r\n\x1b[31m.txt", "ab [31m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("<script>.txt", "<script>.txt"),
        ("x" * 500 + ".docx", "x" * 145 + ".docx"),
    ],
)
def test_names_of_files_have_no_folders_and_no_controls(given: str, kept: str) -> None:
    assert clean_file_name(given) == kept
