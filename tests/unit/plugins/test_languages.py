"""What the shipped commands say is in the reader's language, as far as it is no name or figure."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po, write_po

from bot.catalogue.languages import read_language, translate
from bot.cli.catalogue_template import TEMPLATE
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.skills.left_out import LEFT_OUT_KINDS, LeftOut, describe_left_out
from bot.testing import running_skills
from tests.fakes.pdf_pages import write_pdf

PLUGINS = ("ask_docs", "chat", "docs_admin", "help", "model_switch", "moderation", "settings")
PHRASE = re.compile(r"[A-Za-z]{3,}[,;:]? [a-z]{2,}")
DATA = re.compile(r"`[^`]*`|/\w+[^\n:.]*|Speaks default")
"""Calls of commands and the description of a model, which are the same in every language."""


MIRROR = """
from pathlib import Path

from bot.api import hookimpl


@hookimpl
def language_folders():
    return [str(Path(__file__).parent)]
"""


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with a plugin whose language has every sentence between brackets."""
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "mirror.py").write_text(MIRROR)
    with TEMPLATE.open("rb") as file:
        catalogue = read_po(file, locale="eo")
    for message in catalogue:
        if isinstance(message.id, str) and message.id:
            message.string = f"⟦{message.id}⟧"
        elif message.id:
            message.string = tuple(f"⟦{one}⟧" for one in message.id)
    with (place / "eo.po").open("wb") as file:
        write_po(file, catalogue)
    return place


def untold(text: str) -> list[str]:
    """What of a text is in no brackets, and in words."""
    before = None
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    return PHRASE.findall(DATA.sub("", text))


@pytest.mark.may_block  # it looks for languages itself, as a start does
@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("/help", {}),
        ("/help docs", {}),
        ("/help hlp", {}),
        ("/nothing", {}),
        ("/model list", {}),
        ("/model info", {}),
        ("/model use nothing", {}),
        ("/settings show", {"admin": True}),
        ("/settings set persona", {"admin": True}),
        ("/docs list", {}),
        ("/docs search", {}),
        ("/docs add", {"admin": True}),
        ("/block list", {"admin": True}),
        ("/block list", {}),
        ("/pause here off", {"admin": True}),
        ("/stop", {}),
        ("/forget", {}),
    ],
)
async def test_a_private_answer_is_in_the_language_of_its_reader(
    call: str, more: dict[str, Any], mirror: Path, tmp_path: Path
) -> None:
    plugins = [f"plugins.{name}" for name in PLUGINS]
    async with running_skills(plugins=plugins, folders=[mirror], folder=tmp_path) as parlance:
        told = await parlance.say(call, locale="eo", **more)
        assert "⟦" in told.text
        assert untold(told.text) == []


URL = "https://x/"


@pytest.mark.may_block
async def test_what_was_not_read_was_told_in_english_alone(mirror: Path, tmp_path: Path) -> None:
    plugins = [f"plugins.{name}" for name in PLUGINS]
    left_out = describe_left_out(LeftOut(kind, 2) for kind in LEFT_OUT_KINDS)
    async with running_skills(plugins=plugins, folders=[mirror], folder=tmp_path) as parlance:
        parlance.documents.left_out = left_out
        call: dict[str, Any] = {"admin": True, "direct": True, "locale": "eo"}
        added = await parlance.say(f"/docs add {URL}", **call)
        assert added.text.count("⟦") == len(LEFT_OUT_KINDS) + 2  # "added", and "not read"
        assert untold(added.text) == []
        kept = parlance.documents.documents
        kept[URL] = replace(kept[URL], left_out=left_out, base="default", recognized_pages=2)
        listed = await parlance.say("/docs list", **call)
        assert untold(listed.text) == []
        assert "2 pictures" in re.sub("[⟦⟧]", "", listed.text)


@pytest.mark.may_block
async def test_a_refusal_of_the_process_that_reads_was_told_in_english_alone(
    mirror: Path, tmp_path: Path
) -> None:
    async with (
        running_skills(plugins=[], folders=[mirror], folder=tmp_path),
        aclosing(DocumentReader()) as reader,
    ):
        read_language("eo")
        names = ("x.docx", "x.pdf", "x.eml", "x.ipynb", "x.xls", "x.msg")
        documents = dict.fromkeys(names, b"\x07\x00 nothing of the kind")
        documents["scan.pdf"] = write_pdf("0 g 60 700 480 14 re f")
        for name, data in documents.items():
            with pytest.raises(Refused) as refused:
                await reader.load(RawDocument(name, data))
            told = translate(str(refused.value), "eo")
            assert told.startswith("⟦"), name
            assert untold(told) == []
            assert name in told
