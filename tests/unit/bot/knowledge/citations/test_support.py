from __future__ import annotations

from backends.onnx.embedder import OnnxEmbedder
from backends.scripted.backend import ScriptedBackend
from bot.knowledge.citations.support import check_support
from bot.knowledge.retrieval.embedder import create_embedder

PASSAGES = [
    "The logs are rotated every night at 02:30 by a timer. Old logs are kept for 14 days.",
    "A backup of the database is made before each migration and stored beside it.",
]


async def marks(answer: str) -> list[bool]:
    return [one.supported for one in await check_support(answer, PASSAGES)]


async def test_a_sentence_in_the_words_of_its_passage_is_supported() -> None:
    checked = await check_support("Logs are rotated every night at 02:30 [1].", PASSAGES)
    assert [(one.cited, one.supported) for one in checked] == [((1,), True)]


async def test_an_invented_number_is_not_supported() -> None:
    assert await marks("Old logs are kept for 30 days [1].") == [False]


async def test_a_sentence_about_something_else_is_not_supported() -> None:
    answer = "Logs are rotated every night [1]. Penguins live mostly in the southern hemisphere."
    assert await marks(answer) == [True, False]


async def test_a_citation_of_the_wrong_passage_is_not_supported() -> None:
    assert await marks("A backup of the database is made before each migration [1].") == [False]
    assert await marks("A backup of the database is made before each migration [2].") == [True]


async def test_the_numbers_of_a_list_are_not_taken_for_facts() -> None:
    assert await marks("7. Old logs are kept for 14 days.\n8. Logs are rotated every night.") == [
        True,
        True,
    ]


async def test_questions_headings_code_and_honest_doubt_are_not_judged() -> None:
    answer = (
        "# Penguins and their habits\n\n"
        "Do you want to hear more about penguins?\n\n"
        "```\nprint('penguins everywhere today')\n```\n\n"
        "The documents do not mention any penguins anywhere."
    )
    assert await check_support(answer, PASSAGES) == ()


async def test_an_option_that_no_passage_has_is_an_invention() -> None:
    passages = ["The command `logs rotate --now [-n COUNT]` rotates the logs at once."]

    async def mark(answer: str) -> bool:
        (checked,) = await check_support(answer, passages)
        return checked.supported

    assert await mark("The command `logs rotate --now` rotates the logs at once [1].")
    assert await mark("The command `logs rotate -n 5` rotates the logs at once.") is False  # the 5
    assert await mark("The command `logs rotate -n COUNT` rotates the logs at once.")
    assert not await mark("The command `logs rotate -f` rotates the logs at once [1].")
    assert not await mark("The command `logs rotate --no` rotates the logs at once.")
    assert await mark("The logs - now rotated - are rotated at once by the -command `logs`.")


async def test_other_words_with_the_same_meaning_are_supported(
    embedder_model: OnnxEmbedder,
) -> None:
    answer = "Before every migration, a copy of the database is saved [2]."
    alone = await check_support(answer, PASSAGES)
    embedder = await create_embedder(embedder_model)
    checked = await check_support(answer, PASSAGES, embedder.similarities)
    assert [one.supported for one in alone] == [False]
    assert [one.supported for one in checked] == [True]
    assert checked[0].similarity > 0.6


async def test_words_decide_where_the_embedder_is_down() -> None:
    backend = ScriptedBackend("embedder")
    embedder = await create_embedder(backend)
    backend.available = False
    answer = "A saved copy of the database."
    checked = await check_support(answer, PASSAGES, embedder.similarities)
    assert [one.supported for one in checked] == [False]


async def test_the_place_of_a_sentence_is_told() -> None:
    answer = "Logs are rotated every night [1]. Penguins live in the southern hemisphere."
    last = (await check_support(answer, PASSAGES))[-1]
    assert answer[last.start : last.end] == "Penguins live in the southern hemisphere."


async def test_a_citation_after_the_full_stop_belongs_to_the_sentence_before() -> None:
    answer = "> The logs rotate every night. [1]\n\nBread needs flour and water. [2] [1] Salt, too."
    checked = await check_support(answer, ["The logs rotate every night.", "Bread needs flour."])
    assert [one.cited for one in checked] == [(1,), (2, 1)]
    assert checked[0].supported
    assert checked[1].text == "Bread needs flour and water. [2] [1]"
