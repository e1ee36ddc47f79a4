"""What people want to be remembered, told on every platform."""

from __future__ import annotations

from tests.scenarios.harness import House

FACT = "I work in Lisbon"
_CALLS = {
    "discord": ("@everyone", "<@&1>"),
    "slack": ("<!channel>", "<@&1>"),
    "slack-agent": ("<!channel>", "<@&1>"),
}
"""What calls people on a platform."""


def prompt(house: House) -> str:
    """The messages of the last question to the model."""
    return "\n".join(message.content for message in house.model.requests[-1].messages)


async def ask(house: House, text: str, by: str = "ada") -> str:
    """Ask in a new conversation, and return what the model was given."""
    await house.driver.mention(text, by=by)  # type: ignore[arg-type]
    await house.reads(f"You said: {text}")
    return prompt(house)


async def test_it_is_listed_known_in_a_new_conversation_and_deleted(house: House) -> None:
    await house.driver.command("remember", {"text": FACT})
    await house.is_told(f"Kept for you: {FACT}")
    assert FACT in await ask(house, "where am I now?")
    await house.driver.command("memory")
    await house.is_told("For you")
    await house.restart()
    assert FACT in await ask(house, "where am I today?")
    await house.driver.command("memory", {"action": "delete", "which": "1"})
    await house.is_told(f"Deleted: {FACT}")
    assert f"{FACT}\n" not in await ask(house, "where am I working?")


async def test_it_is_forgotten_with_the_person(house: House) -> None:
    await house.driver.command("remember", {"text": FACT})
    await house.is_told(f"Kept for you: {FACT}")
    await house.driver.command("forget", {"confirm": True})
    await house.is_told("Forgotten")
    await house.driver.command("memory")
    await house.is_told("I remember nothing here")


async def test_nobody_else_knows_what_is_kept_for_one(house: House) -> None:
    await house.driver.command("remember", {"text": FACT})
    await house.is_told(f"Kept for you: {FACT}")
    assert FACT not in await ask(house, "where does Ada work?", by="eve")
    await house.driver.command("memory", by="eve")
    await house.is_told("I remember nothing here")


async def test_nobody_is_called_by_what_is_kept(house: House) -> None:
    await house.driver.command("remember", {"text": "@everyone <!channel> <@&1> come here"})
    await house.is_told("Kept for you: ")
    said = "\n".join([*house.driver.private(), house.text])
    for sign in _CALLS.get(house.driver.name, ()):
        assert sign not in said
