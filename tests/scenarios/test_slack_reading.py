"""What people have read on Slack: a message, a thread, the last messages; with the real skills."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.slack.inbound.interactions import MENU
from tests.fakes.slack.acting import Acting
from tests.scenarios.harness import House
from tests.scenarios.on_slack import SlackDriver

ROOT = "U0ROOT"


class Documented(SlackDriver):
    """A Slack whose bot keeps documents."""

    def config(self) -> Mapping[str, Any]:
        return {"knowledge": {"bases": {"team": {"default": True}}}}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    driver = Documented()
    await driver.open()
    here = House(tmp_path, driver)
    try:
        await here.start()
        yield here
    finally:
        await here.stop()
        await driver.close()


@pytest.fixture
def people(house: House) -> Acting:
    assert isinstance(house.driver, SlackDriver)
    return Acting(house.driver.fake)


def read(house: House) -> str:
    """What the model has read last."""
    return house.model.requests[-1].messages[-1].content


async def test_a_thread_is_summarised_from_its_first_messages_menu(
    house: House, people: Acting
) -> None:
    root = people.write("The tower is 40 m high.")
    people.write("And it is white.", thread=root)
    await people.menu(f"{MENU}summarize", root)
    await house.until(lambda: house.model.requests and people.answers(), "an answer")
    assert "A Person: The tower is 40 m high.\n\nA Person: And it is white." in read(house)
    assert people.answers()[0].thread_ts == root


async def test_one_message_is_summarised_from_its_menu(house: House, people: Acting) -> None:
    root = people.write("The tower is 40 m high.")
    reply = people.write("And it is white.", thread=root)
    await people.menu(f"{MENU}summarize", reply)
    await house.until(people.answers, "an answer")
    assert "And it is white." in read(house)
    assert "40 m" not in read(house)


async def test_a_message_is_a_question_to_the_documents(house: House, people: Acting) -> None:
    await people.menu(f"{MENU}ask", people.write("How high is the tower?"))
    await house.reads("documents")


async def test_a_message_is_added_to_the_documents_by_an_admin(
    house: House, people: Acting
) -> None:
    message = people.write("The lighthouse keeper is called Ferdinand.")
    await people.menu(f"{MENU}docs", message)
    await house.until(lambda: "Only admins" in house.text + "".join(people.private()), "a refusal")
    await people.menu(f"{MENU}docs", message, by=ROOT)
    await house.reads("added")
    await people.slash("docs", "list")
    await house.is_told("(1 passage)")


async def test_the_last_messages_of_a_channel(house: House, people: Acting) -> None:
    for n in range(6):
        people.write(f"number {n}")
    await people.slash("summarize", "last=2")
    await house.until(people.answers, "an answer")
    assert "number 4\n\nA Person: number 5" in read(house)
    assert "number 3" not in read(house)


async def test_a_thread_is_summed_up_by_a_word_in_it(house: House, people: Acting) -> None:
    people.write("not this")
    root = people.write("The tower is 40 m high.")
    people.write("And it is white.", thread=root)
    await people.say("summarize this thread", thread=root, mention=True)
    await house.until(people.answers, "an answer")
    assert "40 m high.\n\nA Person: And it is white." in read(house)
    assert "not this" not in read(house)


async def test_what_the_conversation_holds_already_is_not_read_twice(
    house: House, people: Acting
) -> None:
    root = await people.say("my name is Ada", mention=True)
    await house.until(people.answers, "an answer")
    people.write("mine is Eve", thread=root)
    await people.say("what is my name?", thread=root)
    await house.until(lambda: len(people.answers()) == 2, "another answer")
    asked = "\n".join(m.content for m in house.model.requests[-1].messages)
    assert asked.count("my name is Ada") == 2  # what was said, and the answer that repeats it
    assert asked.count("mine is Eve") == 1


async def test_docs_add_without_more_asks_in_a_form(house: House, people: Acting) -> None:
    await people.slash("docs", "add", by=ROOT)
    await people.fake.until(lambda: people.fake.workspace.views)
    file = people.file("keeper.md", b"# Keeper\n\nThe keeper is called Ferdinand.")
    await people.submit({"action": ("add",), "file ": [file]}, by=ROOT)
    await house.reads("keeper.md: added")
