"""The pages are in the language of whoever looks, as far as it is known, else of their browser."""

from __future__ import annotations

from bot.console.speech import read_accepted
from tests.unit.bot.console.conftest import Room


async def test_a_browser_says_which_language_it_wants(room: Room) -> None:
    turn = await room.turn()
    browser = await room.browser("ann")
    german = {"accept-language": "it, de-AT;q=0.9, en;q=0.8"}
    page = await browser.get("/console/turns", headers=german)
    assert '<html lang="de">' in page.text
    for words in ("<h1>Anfragen</h1>", ">Abmelden<", ">fertig<", "1,00 s"):
        assert words in page.text
    japanese = {"accept-language": "ja"}
    assert ">サインアウト<" in (await browser.get("/console/", headers=japanese)).text
    gone = await browser.get("/console/turns/nothing", headers=german)
    assert "Das gibt es hier nicht" in gone.text
    for wanted in ("it", "", "en-GB, de", "de;q=0", ";;,,q=,de;q=x"):
        page = await browser.get(f"/console/turns/{turn}", headers={"accept-language": wanted})
        assert '<html lang="en">' in page.text
        assert "Sign out" in page.text


async def test_the_link_is_in_the_browsers_language(room: Room) -> None:
    browser = await room.browser()
    page = await browser.get("/console/", headers={"accept-language": "fr-CH"})
    assert "Vous n’êtes pas connecté" in page.text


async def test_a_persons_own_language_comes_first(room: Room) -> None:
    room.people.locales["bob"] = "es-MX"
    browser = await room.browser("bob")
    page = await browser.get("/console/", headers={"accept-language": "de"})
    assert '<html lang="es">' in page.text
    assert ">Cerrar sesión<" in page.text


def test_the_most_wanted_language_is_first() -> None:
    assert list(read_accepted("fr;q=0.5, de, ja;q=0.9, *;q=0")) == ["de", "ja", "fr"]
    assert len(list(read_accepted(",".join(["de"] * 1000)))) <= 20


async def test_what_was_chosen_is_one_sentence_in_each_language(room: Room) -> None:
    browser = await room.browser("ann")
    done = "/console/settings/place?key=test:team:general&done=set&name=model&scope=person"
    for language, words in {
        "en": "<strong>model</strong> is set for you, in this channel. It holds",
        "de": "<strong>model</strong> ist gesetzt für dich in diesem Kanal. Das gilt",
        "ja": "<strong>model</strong> を設定しました（対象: このチャンネルでのあなた）。",
    }.items():
        page = await browser.get(done, headers={"accept-language": language})
        assert words in page.text


async def test_none_of_the_models_was_said_in_german_as_none_of_the_votes(room: Room) -> None:
    turn = await room.turn(model="")
    browser = await room.browser("ann")
    page = await browser.get(f"/console/turns/{turn}", headers={"accept-language": "de"})
    assert "<dt>Modell</dt><dd>kein Modell</dd>" in page.text
