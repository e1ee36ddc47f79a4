"""Texts whose charset nothing says are read as their authors wrote them."""

from __future__ import annotations

import pytest

from bot.web.decoding import decode

_WRITTEN = (
    ("windows-1252", "Größe;Preis;Straße\r\nKöln;3 €;Hauptstraße\r\nMünchen;4 €;Übelweg\r\n"),
    ("windows-1252", "L'été était très chaud. Le café coûte 3,50 €, où que vous alliez."),
    ("windows-1252", "O João comprou pão e maçãs no coração de São Paulo."),
    ("windows-1252", "Perché no? La città è più bella così. Giovedì, università, qualità, già."),
    ("windows-1252", "El niño comió piñas mañana: ¿cuántas? Según el año, 30 €."),
    ("windows-1252", "Hyvää päivää, mitä kuuluu? Tämä on sähköposti äidille."),
    ("windows-1252", "Blåbærsyltetøy på skiver, for ærlige sjømenn på Ærø."),
    ("windows-1252", "Müller GmbH"),
    ("windows-1252", "a naïve filter of 10 µm"),
    ("windows-1254", "Çay ve şeker için teşekkürler, İstanbul'da yağmur yağıyor. Ağaçlar yeşil."),
    ("windows-1250", "Příliš žluťoučký kůň úpěl ďábelské ódy, řekl příteli."),
    ("windows-1251", "Смотритель маяка зажигает лампу каждый вечер."),
    ("koi8-u", "Смотритель маяка зажигает лампу каждый вечер."),
    ("windows-1253", "Ο φάρος ανάβει κάθε βράδυ πριν από τη δύση του ήλιου."),
    ("cp932", "灯台の守り手は毎晩ランプを灯す。①"),
    ("gb18030", "看守人每天晚上点亮灯塔的灯。"),
    ("big5", "看守人每天晚上點亮燈塔的燈。"),
    ("cp949", "등대지기는 매일 저녁 등불을 켠다."),
)


@pytest.mark.parametrize(("charset", "text"), _WRITTEN)
def test_files_of_windows_programs_were_garbled(charset: str, text: str) -> None:
    assert decode(text.encode(charset)) == text


@pytest.mark.parametrize("word", ["Zürich", "café", "3 €", "señor", "Ærø", "garçon", "– 5 °C"])
def test_a_single_word_was_garbled(word: str) -> None:
    assert decode(word.encode("windows-1252")) == word


def test_letters_behind_a_long_beginning_in_plain_ascii() -> None:
    text = "A line of a log.\n" * 20_000 + "Größe: 3 €, Straße, Übelweg\n"
    assert decode(text.encode("windows-1252")) == text


def test_one_broken_letter_made_nonsense_of_a_whole_text() -> None:
    text = "Größe, Straße, Köln, Übelweg, Äpfel, Öl. " * 3
    broken = text.encode().replace(b"\xc3\x84pfel", b"\xc3pfel", 1)
    assert decode(broken) == text.replace("Äpfel", "\ufffdpfel", 1)


def test_the_language_of_a_page_helps_where_it_has_few_letters() -> None:
    page = '<html lang="tr"><p>Şişe</p></html>'
    assert decode(page.encode("windows-1254")) == page


@pytest.mark.parametrize(
    ("label", "charset", "text"),
    [
        ("shift_jis", "cp932", "灯台①"),
        ("gb2312", "gb18030", "灯塔镕"),
        ("iso-8859-9", "windows-1254", "3 € – şeker"),
        ("latin1", "windows-1252", "3 € – Öl"),
        ("iso-8859-1", "utf-8", "3 € – Öl"),
    ],
)
def test_a_label_is_read_as_browsers_read_it(label: str, charset: str, text: str) -> None:
    data = text.encode(charset)
    assert decode(data, label) == text
    assert text in decode(f'<meta charset="{label}">'.encode() + data)


def test_an_english_text_with_a_few_signs_was_read_as_polish() -> None:
    """£ became Ł: nothing in the text but signs speaks for one charset or another."""
    text = "The rent of 112 Queen’s Road rises from £1,125.00 to £1,180.50; parking is £45.00."
    assert decode(text.encode("windows-1252")) == text
    polish = "Łódź, ulica Świętego Jacka 4; czynsz rośnie z 1125 zł do 1180 zł."
    assert decode(polish.encode("windows-1250")) == polish
    short = "Łódka w mieście Łask i Łapy; Łukasz tam nie był. Lubię Łomżę."
    assert decode(short.encode("windows-1250")) == short
