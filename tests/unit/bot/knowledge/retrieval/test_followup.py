from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.retrieval.followup import combine_with_history, is_follow_up
from bot.knowledge.retrieval.query import Wording
from bot.knowledge.service import KnowledgeService
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

LINUX = "# Logs on Linux\n\nOn Linux the logs are rotated by logrotate every night.\n"
WINDOWS = "# Logs on Windows\n\nOn Windows the logs are rotated by the task scheduler.\n"
PRINTERS = "# Windows printers\n\nOn Windows a printer is added in the control panel of Windows.\n"


@pytest.mark.parametrize(
    "question",
    [
        "and on Windows?",
        "what about Apple?",
        "how do I turn that on?",
        "who may do that?",
        "¿y a quién?",
        "und bei wem?",
        "et pour Windows ?",
        "它有多长?",
        "那保留几天?",
        "それはどこを走りましたか?",
        "그럼 윈도우는요?",
        "а на Windows?",
        "why?",
    ],
)
def test_a_question_that_leans_on_another_is_told_by_its_small_words(question: str) -> None:
    assert is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who is an admin?",
        "Do I need a GPU to run it?",
        "Can I resume a download that broke off?",
        "¿Cuál es la capital de Francia?",
        "Wie oft wird die Datenbank gesichert?",
        "大熊猫每天吃多少竹子?",
        "김치는 어떻게 만듭니까?",
        "thanks, that was very helpful!",
        "thanks, that helped",
        "and " + "so on " * 20,
        "",
    ],
)
def test_a_question_with_a_subject_of_its_own_stands_alone(question: str) -> None:
    assert not is_follow_up(question)


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    assert isinstance(is_follow_up(text), bool)


def test_a_chain_of_follow_ups_leans_on_the_question_that_began_it() -> None:
    before = ("Who is an admin?", "How are the logs rotated?", "and on Windows?")
    together, alone = combine_with_history("and on macOS?", before)
    assert together.searched == "How are the logs rotated? and on Windows? and on macOS?"
    assert alone.searched == "and on macOS?"
    assert alone.weight < together.weight


def test_what_was_asked_before_counts_less() -> None:
    wording = Wording("and on Windows?", before="How are the logs rotated?")
    shares = wording.shares(["logs", "rotated", "windows"], "en")
    assert shares["windows"] > shares["logs"] == shares["rotated"]


@on_both_engines
async def test_a_follow_up_finds_what_both_questions_are_about(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for name, text in {"linux.md": LINUX, "windows.md": WINDOWS, "print.md": PRINTERS}.items():
        await drain(service.add(str(room.file(name, text))))
    before = ("How are the logs rotated on Linux?",)
    found = await service.search("and on Windows?", before=before)
    assert found.passages[0].title == "Logs on Windows"
    assert found.searched == ("How are the logs rotated on Linux? and on Windows?",)
    again = await service.search("Which printer can be added on Windows?", before=before)
    assert again.passages[0].title == "Windows printers"
    assert again.searched == ()


async def test_follow_ups_can_be_switched_off(room: Room, drain: Drain) -> None:
    service = room.service(KnowledgeSettings(chunk_tokens=60, follow_ups=False))
    await drain(service.add(str(room.file("windows.md", WINDOWS))))
    found = await service.search("and on Windows?", before=("How are the logs rotated?",))
    assert found.searched == ()


async def test_other_wordings_take_part_and_the_question_counts_most(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for name, text in {"linux.md": LINUX, "windows.md": WINDOWS, "print.md": PRINTERS}.items():
        await drain(service.add(str(room.file(name, text))))
    alone = await service.search("logrotate on Linux")
    found = await service.search("logrotate on Linux", beside=["printer control panel", "Windows"])
    assert found.searched == ("logrotate on Linux", "printer control panel", "Windows")
    assert found.passages[0].title == alone.passages[0].title == "Logs on Linux"
    assert found.passages[0].score < alone.passages[0].score
    nowhere = await service.search("who won the chess olympiad?", beside=["logrotate on Linux"])
    assert not nowhere.evidence, "only the question itself is judged"
