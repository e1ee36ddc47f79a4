"""Pictures, from what people post to what a model's server is sent, on real wires at both ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.discord.state import EVE
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.pictures import Arrived, arrived, photo
from tests.fakes.slack.acting import Acting
from tests.scenarios.harness import House


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        server.models["seeing:latest"] = ["completion", "vision"]
        server.loaded.add("seeing:latest")
        yield server


async def post(house: House, text: str, *pictures: bytes, names: tuple[str, ...] = ()) -> Any:
    """Name the bot in the channel with pictures; returns what deletes the message."""
    fake = house.driver.fake  # type: ignore[attr-defined]
    called = names or tuple(f"image{n}.jpg" for n in range(len(pictures)))
    if house.driver.name == "discord":
        base = f"http://127.0.0.1:{fake.port}"
        files = [
            fake.world.add_file(base, name, data) | {"content_type": "image/jpeg"}
            for name, data in zip(called, pictures, strict=True)
        ]
        number = await fake.say(text, mention=True, attachments=files)
        return lambda: fake.world.messages.pop(number)
    people = Acting(fake)
    files = [
        people.file(name, data, mimetype="image/jpeg", mode="hosted")
        for name, data in zip(called, pictures, strict=True)
    ]
    ts = await people.say(text, mention=True, subtype="file_share", files=files)
    return lambda: fake.workspace.messages.pop(("C1", ts))


def entry(server: OllamaServer, model: str) -> dict[str, Any]:
    return {"backend": "ollama", "url": server.url, "model": model, "context": 8192}


async def is_answered(house: House) -> None:
    """Wait until the answer stands."""
    await house.until(lambda: house.text and not house.driver.working(), "an answer")


def sent(server: OllamaServer) -> list[list[Arrived]]:
    """The pictures of each request's last message."""
    asked = server.bodies("/api/chat")
    return [[arrived(one) for one in body["messages"][-1].get("images", ())] for body in asked]


@pytest.mark.parametrize("driver", ["discord", "slack"], indirect=True)
class TestPictures:
    async def test_a_model_that_sees_is_sent_them_upright_and_without_metadata(
        self, make_house: Any, ollama: OllamaServer
    ) -> None:
        house: House = await make_house(**entry(ollama, "seeing"))
        gone = await post(house, "what colours are these?", photo(), photo(3000, 2000))
        await house.until(lambda: sent(ollama), "asked")
        body = ollama.bodies("/api/chat")[0]["messages"][-1]
        assert body["content"].endswith("what colours are these?")
        small, large = sent(ollama)[0]
        for one in (small, large):
            assert (one.top, one.bottom) == ("blue", "red")
            assert not one.has_metadata
        assert (small.width, small.height) == (600, 400)
        assert (large.width, large.height) == (1024, 683)

        await is_answered(house)
        await house.driver.press("regenerate")
        await house.until(lambda: len(sent(ollama)) == 2, "asked again")
        assert [one.data for one in sent(ollama)[1]] == [small.data, large.data]

        gone()
        await is_answered(house)
        await house.driver.press("regenerate")
        await house.until(lambda: len(sent(ollama)) == 3, "asked without them")
        assert sent(ollama)[2] == []
        await house.hears("image0.jpg is left out: it is no longer there; please send it again.")

    async def test_one_that_does_not_says_so_and_answers_the_text(
        self, make_house: Any, ollama: OllamaServer
    ) -> None:
        house: House = await make_house(**entry(ollama, "tiny"))
        await post(house, "what is a lighthouse?", photo())
        await house.hears("default cannot see pictures.")
        await house.until(lambda: sent(ollama), "asked")
        assert sent(ollama) == [[]]
        assert "lighthouse" in ollama.bodies("/api/chat")[0]["messages"][-1]["content"]

    async def test_a_picture_alone_gets_the_sentence_alone(
        self, make_house: Any, ollama: OllamaServer
    ) -> None:
        house: House = await make_house(**entry(ollama, "tiny"))
        await post(house, "", photo())
        await house.hears("default cannot see pictures.")
        assert not sent(ollama)

    async def test_an_openai_compatible_server_gets_them_as_data_urls(
        self, make_house: Any
    ) -> None:
        async with OpenAIServer() as server:
            server.context, server.modalities = 8192, {"vision": True, "audio": False}
            backend = {"backend": "openai_compatible", "url": server.base, "model": "tiny"}
            house: House = await make_house(**backend)
            await post(house, "what is it?", photo())
            bodies = await house.until(lambda: server.bodies("/v1/chat/completions"), "asked")
            picture, text = bodies[0]["messages"][-1]["content"]
            assert text["text"].endswith("what is it?")
            kind, _, data = picture["image_url"]["url"].partition(",")
            assert kind == "data:image/jpeg;base64"
            one = arrived(data)
            assert (one.top, one.bottom, one.has_metadata) == ("blue", "red", False)


@pytest.mark.parametrize("driver", ["discord"], indirect=True)
async def test_the_picture_of_a_message_that_is_replied_to_is_seen(
    make_house: Any, ollama: OllamaServer
) -> None:
    house: House = await make_house(**entry(ollama, "seeing"))
    fake = house.driver.fake  # type: ignore[attr-defined]
    files = [
        fake.world.add_file(f"http://127.0.0.1:{fake.port}", "image.png", data)
        | {"content_type": "image/png"}
        for data in (photo(), photo(400, 600))
    ]
    number = await fake.say("", author=EVE, attachments=files)
    await fake.say("what is that?", mention=True, reply_to=number)
    await is_answered(house)
    await house.driver.press("regenerate")
    await house.until(lambda: len(sent(ollama)) == 2, "asked again")
    for pictures in sent(ollama):  # both have the same name
        assert [(one.width, one.height) for one in pictures] == [(600, 400), (400, 600)]
