"""What a model is shown of the files of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backends.base import ChatMessage
from backends.scripted.backend import ScriptedBackend
from bot.events import Attachment
from bot.skills.attached_files import is_picture
from bot.testing import Parlance, running_skills
from tests.fakes.office_files import docx, paragraph, zipped
from tests.fakes.pdf_pages import show, write_pdf
from tests.fakes.pictures import arrived, photo, png
from tests.fakes.recognition.rapidocr.main import bar


@pytest.fixture
def seeing() -> ScriptedBackend:
    return ScriptedBackend("eye", vision=True)


@pytest.fixture
async def parlance(seeing: ScriptedBackend) -> AsyncIterator[Parlance]:
    async with running_skills(models=[seeing]) as parlance:
        yield parlance


def last(model: ScriptedBackend) -> ChatMessage:
    return model.requests[-1].messages[-1]


async def test_pictures_go_with_the_question_and_no_document_is_searched(
    parlance: Parlance, seeing: ScriptedBackend
) -> None:
    parlance.documents.put("Logs", "Rotate the logs with logrotate every night.")
    files = {"a.jpg": photo(), "b.png": png(20, 500, "RGBA")}
    answer = await parlance.say("How rotate the logs?", attachments=files)
    first, second = (arrived(one.base64) for one in last(seeing).pictures)
    assert (first.top, first.has_metadata, (second.width, second.height)) == (
        "blue",
        False,
        (32, 500),
    )
    assert parlance.documents.queries == []
    assert answer.notices == ()


async def test_of_many_pictures_only_some_are_seen(
    parlance: Parlance, seeing: ScriptedBackend
) -> None:
    files = {f"{n}.png": png(40, 40) for n in range(6)}
    answer = await parlance.say("", attachments=files)
    assert len(last(seeing).pictures) == 4
    assert answer.notices == ("Only 4 pictures are seen.",)


async def test_what_does_not_fit_into_the_window_is_left_out_and_told() -> None:
    narrow = ScriptedBackend("eye", vision=True, context=2_000)
    async with running_skills(models=[narrow]) as parlance:
        files = {f"{n}.jpg": photo(1024, 768, lying=False) for n in range(3)}
        answer = await parlance.say("what is it?", attachments=files)
        assert len(last(narrow).pictures) == 1
        assert answer.state == "complete"
        assert answer.notices == ("2 pictures did not fit.",)


async def test_pages_without_text_and_pictures_of_documents_are_seen(
    parlance: Parlance, seeing: ScriptedBackend
) -> None:
    scan = write_pdf(bar(10), show(60, 700, "A page that has text of its own."))
    await parlance.say("what is it?", attachments={"scan.pdf": scan})
    (page,) = last(seeing).pictures
    assert (page.width, page.height) == (768, 1024)
    report = _with_picture(docx(paragraph("The tower is blue.")), "word/media/image1.jpeg")
    await parlance.say("what is it?", attachments={"report.docx": report})
    (picture,) = last(seeing).pictures
    assert arrived(picture.base64).top == "blue"
    assert "The tower is blue." in last(seeing).content


async def test_a_blind_model_names_one_that_sees(seeing: ScriptedBackend) -> None:
    blind = ScriptedBackend("default")
    async with running_skills(models=[blind, seeing]) as parlance:
        answer = await parlance.say("what is a lighthouse?", attachments={"a.jpg": photo()})
        assert answer.view.text == "You said: what is a lighthouse?"
        assert answer.notices[0] == "default cannot see pictures. eye can: `/model use eye`"
        assert last(blind).pictures == ()
        shown = await parlance.say("/model info eye")
        assert "seeing pictures" in shown.text


async def test_a_drawing_in_svg_is_read_as_text(
    parlance: Parlance, seeing: ScriptedBackend
) -> None:
    drawing = "<svg><text>A lighthouse</text></svg>"
    await parlance.say("what is it?", attachments={"tower.svg": drawing})
    assert last(seeing).pictures == ()
    assert "A lighthouse" in last(seeing).content


@pytest.mark.parametrize(
    ("name", "content_type", "found"),
    [
        ("image", "image/png", True),
        ("photo.JPG", None, True),
        ("photo.heic", "application/octet-stream", True),
        ("tower.svg", "image/svg+xml", False),
        ("notes.txt", "text/plain; charset=utf-8", False),
    ],
)
def test_what_says_of_itself_that_it_is_a_picture(
    name: str, content_type: str | None, found: bool
) -> None:
    async def read(limit: int) -> bytes:
        return b""

    assert is_picture(Attachment(name, 1, content_type, read)) is found


def _with_picture(document: bytes, name: str) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    return zipped({**members, name: photo()})
