"""E-mail files as mail programs write them."""

from __future__ import annotations

from base64 import b64encode
from email.message import EmailMessage

import pytest

from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Heading, LeftOut, ListItem, Paragraph
from tests.fakes.loaded_text import load_with_text


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    shown = {"Subject": "Öl für die Lampe", "From": "Ada <ada@example.org>"} | headers
    for name, value in shown.items():
        message[name] = value
    return message


def read(message: EmailMessage | bytes) -> Loaded:
    data = message if isinstance(message, bytes) else message.as_bytes()
    loader = find_loader(LOADERS, "letter.eml")
    assert loader is not None
    return loader.load(data, "letter.eml")


def paragraphs(loaded: Loaded) -> list[str]:
    return [block.text for block in loaded.blocks if isinstance(block, Paragraph)]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_a_message_was_stored_as_base64(encoding: str) -> None:
    message = mail(To="Bo Åström <bo@example.org>", Date="Sat, 01 Mar 2025 09:30:00 +0100")
    message.set_content("Größe: 10 µm.\n\nGruß,\nAda\n\n> Which size?\n", cte=encoding)
    found = read(message)
    assert (found.title, found.blocks[0]) == ("Öl für die Lampe", Heading(1, "Öl für die Lampe"))
    assert paragraphs(found) == [
        "From: Ada <ada@example.org>\nTo: Bo Åström <bo@example.org>\n"
        "Date: Sat, 01 Mar 2025 09:30:00 +0100",
        "Größe: 10 µm.",
        "Gruß,\nAda",
        "Which size?",
    ]
    assert found.blocks[-1] == Paragraph("Which size?", "quote")


def test_the_plain_text_is_read_once_and_not_its_html_again() -> None:
    message = mail()
    message.set_content("The lamp is lit at dusk.")
    message.add_alternative("<p>The lamp is lit <b>at dusk</b>.</p>", subtype="html")
    assert paragraphs(read(message))[1:] == ["The lamp is lit at dusk."]


def test_html_alone_or_where_it_says_more_is_read_as_blocks() -> None:
    html = "<h2>Steps</h2><ol start=3><li>Trim the wick before the sun goes down.</ol>"
    message = mail()
    message.set_content("See HTML.")
    message.add_alternative(html, subtype="html")
    assert read(message).blocks[2:] == (
        Heading(2, "Steps"),
        ListItem("Trim the wick before the sun goes down.", "3."),
    )


def test_attachments_are_named_and_counted_and_not_stored() -> None:
    message = mail()
    message.set_content("See the plan.")
    message.add_attachment(
        b"%PDF" * 100, maintype="application", subtype="pdf", filename="Größe.pdf"
    )
    message.add_attachment("secret words", filename="notes.txt")
    found = read(message)
    assert paragraphs(found)[1:] == ["See the plan.", "Attachments: Größe.pdf, notes.txt"]
    assert found.left_out == (LeftOut("attachment", 2),)


def test_a_forwarded_message_is_read_too() -> None:
    inner = mail(Subject="Wicks", From="Cy <cy@example.org>")
    inner.set_content("They are cut on Sundays.")
    message = mail(Subject="Fwd: Wicks")
    message.set_content("See below.")
    message.add_attachment(inner)
    found = read(message)
    assert [block for block in found.blocks if isinstance(block, Heading)] == [
        Heading(1, "Fwd: Wicks"),
        Heading(2, "Wicks"),
    ]
    assert "They are cut on Sundays." in paragraphs(found)


def test_lines_that_a_program_has_broken_flow_again() -> None:
    raw = (
        b"From: a@example.org\r\nSubject: x\r\nContent-Type: text/plain; format=flowed\r\n\r\n"
        b"The lamp is \r\nlit at dusk.\r\nIt burns.\r\n"
    )
    assert paragraphs(read(raw))[1:] == ["The lamp is lit at dusk.\nIt burns."]


@pytest.mark.parametrize("charset", ["windows-1252", "utf-8"])
def test_letters_that_no_header_tells_of(charset: str) -> None:
    raw = "From: a@example.org\nSubject: Größe und Übelweg\n\nKöln, Straße, Öl.\n"
    found = read(raw.encode(charset))
    assert (found.title, paragraphs(found)[1:]) == ("Größe und Übelweg", ["Köln, Straße, Öl."])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no headers at all\n", "is damaged or no e-mail"),
        (
            b"From: a@example.org\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n"
            b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: "
            b"application/octet-stream\n\nxyz\n--b--\n",
            "is encrypted",
        ),
        (b"", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=f"letter.eml {why}"):
        load_with_text(RawDocument("letter.eml", data), LOADERS)


def test_a_message_of_outlook_is_refused_with_advice() -> None:
    with pytest.raises(Refused, match=r"save the message as EML or PDF and add it again\.$"):
        load_with_text(RawDocument("letter.msg", b"\xd0\xcf\x11\xe0" * 9), LOADERS)


def test_a_text_in_base64_with_a_letter_lost_was_stored_as_noise() -> None:
    lines = [f"Line {at:02}: the lamp is lit at dusk, and put out at dawn.\n" for at in range(9)]
    encoded = b64encode("".join(lines).encode()).decode()
    body = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
    body[3] = body[3][1:]
    head = "Subject: Lamp\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
    found = read((head + "\n".join(body)).encode())
    text = found.blocks[-1].text if isinstance(found.blocks[-1], Paragraph) else ""
    assert text.startswith("Line 00: the lamp is lit")
    assert text.endswith("Line 08: the lamp is lit at dusk, and put out at dawn.")
    assert found.left_out == (LeftOut("damaged part"),)
