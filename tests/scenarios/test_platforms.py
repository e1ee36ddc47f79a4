"""What people do on a chat platform, told once and played on every one."""

from __future__ import annotations

from typing import Any

import pytest

from backends.errors import BackendUnavailable
from tests.scenarios.harness import SLOW, STORY, House


def occurrences(text: str, beginning: str) -> list[str]:
    """The words that begin so, in the order in which they are read."""
    return [word.strip("`*_") for word in text.split() if word.startswith(beginning)]


def everything(house: House) -> str:
    """What everybody and the person alone can read."""
    return house.text + "".join(house.driver.private())


class TestAsking:
    async def test_a_mention_is_answered(self, house: House) -> None:
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")

    async def test_a_command_is_answered(self, house: House) -> None:
        await house.driver.command("chat", {"message": "hello there"})
        await house.reads("You said: hello there")

    async def test_who_does_not_know_the_options_is_helped(self, house: House) -> None:
        assert list(await house.driver.find_out("chat", "model", "ot")) == ["other"]

    async def test_a_follow_up_needs_no_mention_and_knows_what_was_said(self, house: House) -> None:
        await house.driver.mention("my name is Ada")
        await house.reads("You said: my name is Ada")
        await house.driver.follow_up("what is my name?")
        await house.reads("You said: what is my name?")
        asked = "\n".join(m.content for m in house.model.requests[-1].messages)
        assert "my name is Ada" in asked

    async def test_two_threads_are_two_conversations(self, house: House) -> None:
        await house.driver.mention("my name is Ada")
        await house.reads("You said: my name is Ada")
        await house.driver.mention("what is my name?", by="eve")
        await house.reads("You said: what is my name?")
        asked = "\n".join(m.content for m in house.model.requests[-1].messages)
        assert "my name is Ada" not in asked

    async def test_two_people_in_one_thread_are_told_apart(self, house: House) -> None:
        await house.driver.mention("my cat is called Miso")
        await house.reads("You said: my cat is called Miso")
        await house.driver.follow_up("and mine is called Rex", by="eve")
        await house.reads("and mine is called Rex")
        await house.driver.follow_up("which cat is mine?")
        await house.reads("which cat is mine?")
        asked = [m.content for m in house.model.requests[-1].messages if m.role == "user"]
        names = [text.partition(": ")[0] for text in asked]
        assert names[0] == names[2] != names[1]
        assert asked[1].endswith(": and mine is called Rex")

    async def test_the_thread_is_summed_up_for_who_asks(self, house: House) -> None:
        await house.driver.mention("my cat is called Miso")
        await house.reads("You said: my cat is called Miso")
        await house.driver.follow_up("and mine is called Rex", by="eve")
        await house.reads("and mine is called Rex")
        await house.driver.follow_up("summarize this thread, please")
        await house.until(lambda: len(house.model.requests) == 3, "a summary")
        asked = house.model.requests[-1].messages[-1].content
        assert "Summarise the text above" in asked
        assert asked.index("my cat is called Miso") < asked.index("and mine is called Rex")
        assert "summarize this thread" not in asked


class TestAnswers:
    async def test_ten_thousand_characters_arrive_whole_and_in_order(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=2000)
        await house.driver.command("chat", {"message": "tell a story"})
        await house.reads(STORY.split()[-1])
        assert occurrences(house.text, "word") == STORY.split()

    async def test_stop_ends_it_and_keeps_what_was_written(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.driver.press("stop")
        await house.reads("Stopped by")
        assert house.model.cancelled == 1
        written = occurrences(house.text, "slow")
        assert written == SLOW.split()[: len(written)]
        await house.driver.follow_up("go on")
        await house.reads("You said: go on")
        asked = "\n".join(m.content for m in house.model.requests[-1].messages)
        assert "slow004" in asked

    async def test_others_cannot_stop_it(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.driver.press("stop", by="eve")
        await house.is_told("Only the person who asked")
        assert house.model.cancelled == 0

    async def test_regenerate_after_a_restart(self, house: House) -> None:
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        await house.restart()
        await house.driver.press("regenerate")
        await house.until(lambda: house.model.requests, "asked again")
        await house.until(lambda: house.text.count("You said: hello there") == 1, "one answer")

    async def test_why_is_told_to_the_asker_alone(self, house: House) -> None:
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        await house.driver.press("why")
        await house.is_told("Model")
        assert "Times" not in house.text

    async def test_feedback_is_kept(self, house: House) -> None:
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        await house.driver.press("good")
        await house.is_told("Thank you")

    async def test_a_deleted_question_takes_its_answer_along(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.driver.delete()
        await house.until(lambda: "slow" not in house.text, "nothing left of the answer")
        assert house.model.cancelled == 1

    async def test_an_answer_that_a_moderator_deletes_is_not_posted_again(
        self, make_house: Any
    ) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.driver.delete_answer()
        await house.until(lambda: house.model.cancelled, "an end of it")
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        assert "slow" not in house.text


class TestDocuments:
    async def test_a_typed_text_answers_and_its_passage_is_judged(self, house: House) -> None:
        rule = "The lighthouse lamp is lit by Jonas every evening at nine."
        given = {"action": "add", "what": "Lighthouse rules", "text": rule, "base": "default"}
        await house.driver.command("docs", given, by="root")
        await house.reads("lighthouse-rules.md: added")
        await house.driver.command(
            "ask", {"question": "Who has lit the lighthouse lamp every evening at nine?"}
        )
        await house.reads("You said:")
        await house.driver.press("why")
        await house.is_told("Passages")
        await house.driver.press("source")
        await house.is_told(rule)
        await house.is_told("read on 20")
        await house.driver.press("outdated")
        await house.is_told("this passage is outdated")
        await house.driver.command("docs", {"action": "feedback"}, by="root")
        await house.is_told("(1 × outdated, last on 20")

    async def test_a_text_typed_into_a_form_answers(self, house: House) -> None:
        rule = "The lighthouse lamp is lit by Jonas every evening at nine."
        lines = [f"Rule {n}: every visitor of the island signs the book." for n in range(1, 51)]
        typed = {"what": "Lighthouse rules", "text": "\n".join([*lines, "", rule])}
        assert 2500 < len(typed["text"]) <= 3000  # Slack takes no more; Discord 4,000
        await house.driver.fill_in("docs", {"action": "add", "base": "default"}, typed, by="root")
        await house.reads("lighthouse-rules.md: added")
        await house.driver.command(
            "ask", {"question": "Who has lit the lighthouse lamp every evening at nine?"}
        )
        await house.reads("You said:")
        await house.driver.press("why")
        await house.is_told("Passages")
        await house.driver.press("source")
        await house.is_told(rule)


class TestModels:
    async def test_an_admin_switches_the_model_and_it_stays_switched(self, house: House) -> None:
        options = {"action": "use", "name": "other", "scope": "workspace"}
        await house.driver.command("model", options, by="root")
        await house.reads("other now answers everybody in this workspace")
        await house.driver.mention("hello there")
        await house.reads("The other model: hello there")
        await house.restart()
        await house.driver.mention("are you there?")
        await house.reads("The other model: are you there?")

    async def test_others_may_not(self, house: House) -> None:
        options = {"action": "use", "name": "other", "scope": "workspace"}
        await house.driver.command("model", options)
        await house.until(
            lambda: "Only admins can do this" in house.text + "".join(house.driver.private()),
            "a refusal",
        )
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")


class TestSettings:
    async def test_an_admin_says_who_may_use_a_command_and_it_stays_so(self, house: House) -> None:
        options = {"action": "set", "name": "command.chat", "value": "admins"}
        await house.driver.command("settings", options, by="root")
        await house.is_told("command.chat is set ")
        await house.restart()
        await house.driver.command("chat", {"message": "hello there"})
        await house.until(
            lambda: "You may not use /chat here" in house.text + "".join(house.driver.private()),
            "a refusal",
        )
        await house.driver.command("chat", {"message": "hello there"}, by="root")
        await house.reads("You said: hello there")

    async def test_what_holds_for_a_command_holds_for_a_mention(self, house: House) -> None:
        options = {"action": "set", "name": "command.chat", "value": "admins"}
        await house.driver.command("settings", options, by="root")
        await house.is_told("command.chat is set ")
        await house.driver.mention("hello there")
        await house.until(
            lambda: "You may not use /chat here" in house.text + "".join(house.driver.private()),
            "a refusal",
        )
        await house.driver.command("help")
        mark = getattr(house.driver, "command_prefix", "/")
        await house.until(lambda: f"{mark}rap" in everything(house), "help")
        assert f"`{mark}chat" not in everything(house)
        await house.driver.mention("are you there?", by="root")
        await house.reads("You said: are you there?")


class TestAudience:
    async def test_a_list_is_for_who_asked_until_they_share_it(self, house: House) -> None:
        await house.driver.command("help")
        await house.is_told("Just write to me")
        assert house.text == ""
        await house.driver.press("share")
        await house.reads("Just write to me")
        assert "shared:" in house.text
        await house.driver.press("share")
        await house.is_told("was shared already")

    async def test_after_a_restart_a_list_is_asked_for_again(self, house: House) -> None:
        await house.driver.command("docs", {"action": "list"})
        await house.is_told("There are no documents here yet")
        await house.restart()
        await house.driver.press("share")
        await house.is_told("call the command again")
        assert house.text == ""

    async def test_a_commands_answer_says_who_asked_what(self, house: House) -> None:
        await house.driver.command("chat", {"message": "hello there"})
        await house.reads("You said: hello there")
        assert "asked: hello there" in house.text
        await house.driver.press("regenerate")
        await house.until(lambda: len(house.model.requests) == 2, "asked again")
        await house.until(lambda: house.text.count("asked: hello there") == 1, "one answer")

    async def test_a_command_written_the_wrong_way_is_nobody_elses_business(
        self, house: House
    ) -> None:
        await house.driver.command("docs", {"action": "search"})
        await house.is_told("Say what to look for")
        await house.driver.command("chat", {"message": "x", "model": "nonesuch"})
        await house.is_told("There is no model named")
        await house.until(lambda: house.text == "", "nothing is left before the others")

    async def test_no_address_of_a_model_is_shown(self, house: House) -> None:
        said = "http://10.0.0.7:8080 closed the connection in mid-answer."
        house.model.fail_next(BackendUnavailable(said))
        await house.driver.mention("hello there")
        await house.reads("The model could not answer")
        shown = "10.0.0.7" in house.text + "".join(house.driver.private())
        assert shown is (house.driver.name == "terminal")  # whose reader is the operator


class TestTrouble:
    async def test_who_asks_too_much_at_once_is_told_to_wait(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=20)
        for _ in range(4):
            await house.driver.mention("take your time")
        await house.until(lambda: house.text.count("slow000") == 4, "four answers")
        await house.driver.mention("one more")
        words = "You have 4 questions open"
        await house.until(lambda: words in house.text + "".join(house.driver.private()), words)

    async def test_a_model_that_fails_before_its_first_word(self, house: House) -> None:
        house.model.fail_next(BackendUnavailable("http://10.0.0.7:8080 cannot be reached."))
        await house.driver.mention("hello there")
        await house.reads("The model could not answer just now.")
        # The address is for the operator alone, who is the one at the terminal.
        assert ("10.0.0.7" in house.text) is (house.driver.name == "terminal")
        await house.driver.mention("and now?")
        await house.reads("You said: and now?")

    async def test_a_model_that_fails_in_mid_answer(self, house: House) -> None:
        house.model.fail_next(BackendUnavailable("The engine cannot be reached."), after=3)
        await house.driver.mention("one two three four")
        await house.reads("The answer broke off here")
        assert "You said:" in house.text

    @pytest.mark.parametrize("what", ["send", "edit"])
    async def test_a_platform_that_fails_gets_it_all_the_same(
        self, house: House, what: Any
    ) -> None:
        house.driver.fail_next(what, 503, times=2)
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")

    async def test_an_answer_that_a_restart_cuts_off_says_so(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.restart()
        await house.reads("shut down")
        assert "slow004" in house.text

    async def test_killed_before_anything_was_shown_it_is_told_all_the_same(
        self, make_house: Any
    ) -> None:
        house = await make_house(tokens_per_s=20, open=False)
        await house.start_apart()
        house.driver.fail_next("send", 503, times=10_000)
        await house.driver.mention("take your time")
        await house.until(house.is_answering, "an answer in the making")
        await house.kill()
        assert "slow" not in house.text
        house.driver.heal()
        await house.start()
        await house.reads("interrupted by a restart")
        await house.driver.press("regenerate")
        await house.sees("slow004")

    async def test_killed_in_mid_answer_nothing_is_lost_and_nothing_comes_twice(
        self, make_house: Any
    ) -> None:
        german = {"chat": {"language": "de"}}
        house = await make_house(tokens_per_s=20, open=False, sections=german)
        await house.start_apart()
        await house.driver.mention("take your time")
        await house.sees("slow025")  # what was written is kept once a second
        await house.kill()
        await house.start()
        await house.reads("Diese Antwort wurde durch einen Neustart unterbrochen.")
        assert occurrences(house.text, "slow")[:25] == SLOW.split()[:25]
        await house.driver.follow_up("go on")
        await house.reads("You said: go on")
        asked = "\n".join(m.content for m in house.model.requests[-1].messages)
        assert "take your time" in asked
        assert "slow010" in asked
        assert len(house.model.requests) == 1


class TestCommandsInWords:
    """A command is understood wherever the bot is written to, as a text."""

    async def test_help_is_a_word(self, house: House) -> None:
        await house.driver.mention("Help!")
        await house.hears("Answer from the team's documents")
        assert not house.model.requests

    async def test_a_command_is_written_after_the_mention_and_in_a_thread(
        self, house: House
    ) -> None:
        await house.driver.mention("/chat hello there")
        await house.reads("You said: hello there")
        await house.driver.follow_up("/chat model=other and here")
        await house.reads("The other model: and here")

    async def test_stop_is_a_word(self, make_house: Any) -> None:
        house = await make_house(tokens_per_s=60)
        await house.driver.mention("take your time")
        await house.sees("slow004")
        await house.driver.mention("stop")
        await house.reads("Stopped by")
        await house.until(lambda: house.model.cancelled == 1, "the model stopped")

    async def test_a_misspelt_command_is_named_with_the_nearest(self, house: House) -> None:
        await house.driver.mention("/aks how do I rotate the logs?")
        await house.hears("There is no command /aks. Did you mean /ask?")
        assert not house.model.requests

    async def test_an_unknown_option_is_named(self, house: House) -> None:
        await house.driver.mention("/rap A vs B rounds=1 colour=red")
        await house.hears("/rap has no option colour. It has: matchup, rounds, style, model.")
        assert not house.model.requests

    async def test_a_path_is_a_question(self, house: House) -> None:
        await house.driver.mention("/etc/hosts is gone")
        await house.reads("You said: /etc/hosts is gone")

    async def test_whoever_says_nothing_is_greeted_with_examples(self, house: House) -> None:
        await house.driver.mention("")
        await house.hears("Hello! Ask me something, for example:")
        await house.hears("how do I write a skill?")
        assert not house.model.requests
