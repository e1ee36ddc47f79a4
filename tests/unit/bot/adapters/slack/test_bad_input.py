"""What people and programs send that nobody thought of: one sentence, or nothing, never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.slack.acting import ADA, CHANNEL, DIRECT, EVE, GROUP, US, Acting
from tests.fakes.slack.running import Bot


@pytest.fixture(autouse=True)
def nothing_breaks(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No task ends with a trace, whatever came in."""
    yield
    assert "Traceback" not in capsys.readouterr().out


async def told(people: Acting) -> str:
    """What we say to the last message, in public."""
    await people.fake.until(lambda: people.public() and "⏳" not in people.public()[-1])
    return people.public()[-1]


async def test_an_empty_mention_gets_a_word(bot: Bot, people: Acting) -> None:
    await people.say("", mention=True)
    await people.fake.until(people.private)
    assert "Your message is empty" in people.private()[0]
    assert people.public() == []
    assert people.fake.workspace.by(US)[0].thread_ts is None, "there is no thread to show it in"


@pytest.mark.parametrize(
    "text",
    [
        "😀" * 2000,
        "שלום עולם \u202e\u200f\u200b ‮مرحبا",
        "```py\n```js\nx\n```\n````\n~~~",
        "&lt;!channel&gt; &lt;@U0EVE&gt; @here `<!here|here>` [a](b) *b* ~s~ _i_",
        "\u0000\u0007 a",
    ],
)
async def test_odd_text_comes_back_and_pings_nobody(bot: Bot, people: Acting, text: str) -> None:
    await people.say(text, channel=DIRECT)
    said = await told(people)
    assert said.count("😀") == text.count("😀")
    assert "<!" not in said
    assert "<@" not in said
    for call in people.fake.calls:
        assert "<!" not in str(call.arguments.get("text", ""))


async def test_more_emoji_than_are_read_are_refused_with_the_limit(
    bot: Bot, people: Acting
) -> None:
    await people.say(":grinning:" * 2000, channel=DIRECT)
    assert "too long: 20,000 characters, where 4,000 are allowed" in await told(people)


async def test_a_file_of_fifty_megabytes_is_refused_with_the_limit(
    bot: Bot, people: Acting
) -> None:
    file = people.file("film.mkv", b"x", size=50 * 2**20, mimetype="video/x-matroska")
    await people.say("", mention=True, files=[file], subtype="file_share")
    await people.fake.until(people.private)
    assert "film.mkv is too large: 50.0 MB" in people.private()[0]
    await people.fake.until(lambda: not people.public())
    assert not bot.asked()


class TestIgnored:
    @pytest.mark.parametrize(
        "more",
        [
            {"bot_id": "B9", "by": "UCI"},
            {"bot_id": "B9", "subtype": "bot_message", "by": ""},
            {"by": US},
            {"by": "USLACKBOT"},
            *(
                {"subtype": s}
                for s in ("channel_join", "channel_topic", "pinned_item", "reminder_add")
            ),
            {"subtype": "something_new"},
        ],
        ids=str,
    )
    async def test_bots_ourselves_and_slacks_own_notes(
        self, bot: Bot, people: Acting, more: dict[str, Any]
    ) -> None:
        await people.say("hello", mention=True, **more)
        await people.say("hello", channel=DIRECT, **more)
        await people.say("this one counts", channel=DIRECT)
        await people.fake.until(people.answers)
        assert bot.asked() == ["this one counts"]

    async def test_what_is_said_to_nobody_in_a_channel_or_a_group(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.say("hello", channel=CHANNEL)
        await people.say("hello", channel=GROUP)
        await people.say(f"<@{EVE}> hello", channel=CHANNEL)
        await people.say("this one counts", channel=DIRECT)
        await people.fake.until(people.answers)
        assert bot.asked() == ["this one counts"]

    async def test_a_picture_without_words_in_a_thread_of_ours(
        self, bot: Bot, people: Acting
    ) -> None:
        root = await people.say("hello", mention=True)
        await people.fake.until(people.answers)
        await people.say("", thread=root, attachments=[{"image_url": "https://x.example/a.gif"}])
        await people.say("this one counts", channel=DIRECT)
        await people.fake.until(lambda: len(people.answers()) == 2)
        assert len(bot.asked()) == 2

    async def test_edits_and_deletions_of_what_was_never_asked(
        self, bot: Bot, people: Acting
    ) -> None:
        other = people.write("not for you", by=ADA)
        await people.edit(other, "changed")
        await people.delete(other)
        for event in (
            {"subtype": "message_changed", "channel": CHANNEL, "channel_type": "channel"},
            {"subtype": "message_deleted", "channel": CHANNEL, "channel_type": "channel"},
            {"subtype": "message_replied", "channel": CHANNEL, "channel_type": "channel"},
        ):
            await people.fake.event({"type": "message", "ts": "1700000000.000900", **event})
        await people.say("this one counts", channel=DIRECT)
        await people.fake.until(people.answers)
        assert bot.asked() == ["this one counts"]

    async def test_one_delivered_again_is_answered_once(self, bot: Bot, people: Acting) -> None:
        event = {
            "type": "message", "channel_type": "im", "channel": DIRECT, "user": ADA,
            "text": "hello", "ts": people.write("hello", by=ADA, channel=DIRECT),
        }  # fmt: skip
        for retry in range(4):
            await people.fake.event(event, event_id="Ev77", retry=retry)
        await people.say("this one counts", channel=DIRECT)
        await people.fake.until(lambda: len(people.answers()) == 2)
        assert bot.asked() == ["hello", "this one counts"]


class TestMoreThanIsKept:
    async def test_a_message_with_many_files_and_mentions(self, bot: Bot, people: Acting) -> None:
        text = " ".join(f"<@U{n:05}>" for n in range(300))
        await people.say(text, channel=DIRECT, files=[people.file("a.txt", b"a")] * 30)
        await people.fake.until(people.answers)
        lookups = sum(call.method == "users.info" for call in people.fake.calls)
        assert lookups <= 51
        (asked,) = bot.asked()
        assert asked.startswith("a\n" * 20 + "@A Person")
        assert asked.endswith("@U00299")
