"""What the bot says itself is in one language: the place's, else that of the person or question."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bot.replies.wording import shown_status
from bot.testing import Answer, Parlance, running_skills
from bot.types import Status, View

PLUGINS = [f"plugins.{name}" for name in ("ask_docs", "chat", "help", "moderation", "settings")]
pytestmark = pytest.mark.may_block  # `running_skills` looks for languages itself, as a start does


class Told(NamedTuple):
    """What is said in one language."""

    question: str
    admins_only: str
    help: str
    unknown: str
    thinking: str
    not_found: str
    nothing_said: str
    label: str


STORIES = {
    "en": Told(
        "Who is the keeper of the lamp in the lighthouse?",
        "Only admins can do this.",
        "Just write to me, or use a command.",
        "There is no command /hlep.",
        "Thinking …",
        "That is not in the documents.",
        "The model gave no answer.",
        "Regenerate",
    ),
    "de": Told(
        "Wer hütet eigentlich die Lampe im Leuchtturm auf der Insel?",
        "Das können nur Admins.",
        "Schreib mir einfach, oder benutze einen Befehl.",
        "Einen Befehl /hlep gibt es nicht.",
        "Denke nach …",
        "Das steht nicht in den Dokumenten.",
        "Das Modell hat keine Antwort gegeben.",
        "Neu schreiben",
    ),
    "es": Told(
        "¿Quién es el guardián de la lámpara en el faro de la isla?",
        "Solo los admins pueden hacer esto.",
        "Simplemente escríbeme, o usa un comando.",
        "No existe el comando /hlep.",
        "Pensando …",
        "Eso no está en los documentos.",
        "El modelo no dio ninguna respuesta.",
        "Regenerar",
    ),
    "fr": Told(
        "Qui est le gardien de la lampe dans le phare de cette île ?",
        "Seuls les admins peuvent faire cela.",
        "Écrivez-moi simplement, ou utilisez une commande.",
        "Il n’y a pas de commande /hlep.",
        "Réflexion …",
        "Ce n’est pas dans les documents.",
        "Le modèle n’a donné aucune réponse.",
        "Régénérer",
    ),
    "ja": Told(
        "島の灯台のランプを守っているのは誰ですか?",
        "これは管理者だけができます。",
        "そのまま書き込むか、コマンドを使ってください。",
        "/hlep というコマンドはありません。",
        "考え中 …",
        "ドキュメントにはありません。",
        "モデルから回答がありませんでした。",
        "再生成",
    ),
}


def said(answer: Answer) -> str:
    """All that is in a reply, its notices and buttons included."""
    view = answer.view
    notices = [notice.text for notice in view.notices]
    return "\n".join([view.text, *notices, *(action.label for action in view.actions)])


async def tell_story(parlance: Parlance, told: Told, **more: Any) -> None:
    """A question that is answered, one that is refused, one of the documents, and help."""
    answered = await parlance.say(told.question, **more)
    assert told.label in said(answered)
    assert shown_status(View("t", status=Status("thinking"), locale=answered.view.locale)) == (
        told.thinking
    )
    assert told.admins_only in said(await parlance.say("/pause here on", **more))
    assert told.unknown in said(await parlance.say("/hlep", **more))
    assert told.not_found in said(await parlance.say(f"/ask {told.question}", **more))
    assert told.help in said(await parlance.say("/help", **more))
    assert told.nothing_said in said(await parlance.say(told.question, **more))


@pytest.mark.parametrize("language", STORIES)
async def test_a_place_has_a_language(language: str) -> None:
    """Whatever the person's is, and the question's."""
    other = "fr" if language == "de" else "de"
    replies = ["The keeper.", ""]
    async with running_skills(plugins=PLUGINS, replies=replies) as parlance:
        await parlance.say(f"/settings set language {language} channel", admin=True)
        await tell_story(parlance, STORIES[language], locale=other)


@pytest.mark.parametrize("language", STORIES)
async def test_a_person_has_a_language(language: str) -> None:
    async with running_skills(plugins=PLUGINS, replies=["The keeper.", ""]) as parlance:
        await tell_story(parlance, STORIES[language], locale=f"{language}-XX")


@pytest.mark.parametrize("language", STORIES)
async def test_a_question_has_a_language(language: str) -> None:
    told = STORIES[language]
    async with running_skills(plugins=PLUGINS, replies=["The keeper.", ""]) as parlance:
        assert told.label in said(await parlance.say(told.question))
        assert told.not_found in said(await parlance.say(f"/ask {told.question}"))
        assert told.nothing_said in said(await parlance.say(told.question))


async def test_why_an_answer_is_what_it_is_was_told_half_in_english() -> None:
    async with running_skills(plugins=PLUGINS) as parlance:
        answer = await parlance.say(f"/ask {STORIES['de'].question}", locale="de")
        why = await parlance.press(answer, "why")
        assert "Every passage" not in why.text
        assert "Alle Stellen: Keine reicht als Beleg für eine Antwort." in why.text


async def test_a_language_that_is_not_there_is_not_chosen() -> None:
    async with running_skills(plugins=PLUGINS) as parlance:
        told = await parlance.say("/settings set language xx channel", admin=True, locale="de")
        assert "language muss eines von de, en, es, fr, ja sein." in said(told)
        assert STORIES["es"].admins_only in said(await parlance.say("/pause here on", locale="es"))
