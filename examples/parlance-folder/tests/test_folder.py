import asyncio
import os

import pytest
from parlance_folder import FolderSettings, check, create, manifest

from bot.api import PlatformContext, PrivateFolder

PLUGINS = [
    "plugins.chat",
    "plugins.help",
    "plugins.moderation",
    "plugins.summarize",
    "parlance_folder",
]


@pytest.fixture
def context(tmp_path):
    settings = FolderSettings(path=str(tmp_path / "board"), every_s=0.02)
    private = PrivateFolder(tmp_path / "private")
    return PlatformContext(settings, secret=lambda name: None, data_dir=tmp_path, folder=private)


@pytest.fixture
def people(context, tmp_path):
    return People(tmp_path / "board")


class People:
    """Those who write in the folder."""

    def __init__(self, root):
        self.root = root

    async def write(self, path, text):
        def put():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / f".{os.path.basename(path)}").write_text(text)
            os.replace(self.root / f".{os.path.basename(path)}", self.root / path)

        await asyncio.to_thread(put)

    async def read(self, path, part):
        """Wait until a file is there with a text in it."""

        def get():
            file = self.root / path
            return file.read_text() if file.exists() else ""

        for _ in range(1000):
            text = await asyncio.to_thread(get)
            if part in text and "⏳" not in text:
                return text
            await asyncio.sleep(0.02)
        raise AssertionError(f"{path} never had {part!r}, but {text!r}")

    async def press(self, page, label, person):
        lines = (await self.read(f"{page}.md", label)).splitlines()
        (line,) = (line for line in lines if line.startswith("[") and label in line)
        await self.write(f"{page}.{person}.press", line[1 : line.index("]")])


@pytest.mark.parlance(plugins=PLUGINS, replies=["There is tea.", "There is coffee, too."])
async def test_a_question_is_answered_below_it_and_once_more_at_a_press(parlance, context, people):
    async with parlance.serving(create(context)):
        await people.write("kitchen/tea.ada.txt", "Is there tea?")
        await people.read("kitchen/tea.1.md", "There is tea.")
        await people.press("kitchen/tea.1", "Regenerate", "ada")
        await people.read("kitchen/tea.2.md", "There is coffee, too.")
        await people.press("kitchen/tea.2", "Why this answer?", "bob")
        await people.read("@bob/tea.1.md", "default")


@pytest.mark.parlance(plugins=PLUGINS)
async def test_what_is_for_one_person_is_in_their_own_folder(parlance, context, people):
    async with parlance.serving(create(context)):
        await people.write("kitchen/no.bob.txt", "/pause here on")
        assert "admins" in await people.read("@bob/no.1.md", "admins")
        await people.write("@ada/help.ada.txt", "/help")
        await people.read("@ada/help.1.md", "/chat")
        await people.write("@ada/help.bob.txt", "not bob's folder")
        await people.write("kitchen/no.1.bob.press", "7")
        await people.read("@bob/no.1.1.md", "This button is from an earlier version")


@pytest.mark.parlance(plugins=PLUGINS, replies=["Two lines."])
async def test_a_file_that_lies_beside_a_question_is_read(parlance, context, people):
    async with parlance.serving(create(context)):
        await people.write("kitchen/sum.ada.list.csv", "tea,3\ncoffee,4")
        await people.write("kitchen/sum.ada.txt", "/summarize")
        await people.read("kitchen/sum.1.md", "Two lines.")
    assert "coffee" in parlance.model.requests[0].messages[-1].content


@pytest.mark.parlance(plugins=PLUGINS, replies=["Green.", "Black."])
async def test_a_changed_question_is_answered_anew_at_a_press(parlance, context, people):
    async with parlance.serving(create(context)):
        await people.write("kitchen/tea.ada.txt", "Which tea?")
        await people.read("kitchen/tea.1.md", "Green.")
        await people.write("kitchen/tea.ada.txt", "Which black tea?")
        await people.press("kitchen/tea.2", "Answer the new one", "ada")
        await people.read("kitchen/tea.2.md", "Black.")
    assert parlance.model.requests[-1].messages[-1].content == "Which black tea?"


@pytest.mark.parlance(plugins=PLUGINS, replies=["Done."])
async def test_what_was_answered_is_not_asked_again_after_a_restart(parlance, context, people):
    async with parlance.serving(create(context)):
        await people.write("kitchen/tea.ada.txt", "Is there tea?")
        await people.read("kitchen/tea.1.md", "Done.")
    async with parlance.serving(create(context)):
        await people.write("kitchen/cake.ada.txt", "Is there cake?")
        await people.read("kitchen/cake.1.md", "Is there cake?")
    assert len(parlance.model.requests) == 2


@pytest.mark.parlance(plugins=PLUGINS)
async def test_a_button_that_somebody_made_up_reads_no_file(parlance, context, people, tmp_path):
    async with parlance.serving(create(context)):
        await people.write("kitchen/tea.ada.txt", "Is there tea?")
        page = await people.read("kitchen/tea.1.md", "Regenerate")
        turn = page.split("<!-- regenerate ")[1].split()[0]
        made_up = f"[1] Read <!-- regenerate {turn} edit.kitchen%2F..%2F..%2Fsecret.ada.txt -->"
        await people.write("secret.ada.txt", "a secret")
        await people.write("kitchen/fake.1.md", made_up)
        await people.write("kitchen/fake.1.ada.press", "1")
        await people.read("@ada/fake.1.1.md", "This button")
    assert "a secret" not in str(parlance.model.requests)


async def test_the_operator_is_told_who_can_write(context, people):
    assert "is made at the start" in (await check(context)).notes[0]
    await people.write("kitchen/tea.ada.txt", "Hello")
    people.root.chmod(0o777)
    assert "every user of this machine" in (await check(context)).problems[0]
    assert "SUBJECT.NAME.txt" in manifest(context, None)
