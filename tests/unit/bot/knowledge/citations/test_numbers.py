"""Numbers that stand in a passage, but not where an answer puts them; every second case
was tuned on, from the first; the others were only measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.citations.claims import extract_claims
from bot.knowledge.citations.number_check import find_misplaced_figures
from bot.knowledge.citations.numbers import find_figures
from bot.knowledge.citations.support import check_support

BERTHS = (
    "Berth: Berth 17; Price a month: 239 EUR; Price a year: 2,390 EUR\n"
    "Berth: Berth 18; Price a month: 246 EUR; Price a year: 2,460 EUR\n"
    "Berth: Berth 19; Price a month: 251 EUR; Price a year: 2,510 EUR"
)
PIPES = (
    "## Rooms\n\n| Room | Seats | Floor |\n|---|---|---|\n| Elbe | 12 | 3 |\n| Havel | 40 | 1 |\n"
    "| Spree | 25 | 2 |"
)
FOUNDED = "Arken was founded in 1901. Borsk was founded in 1950. Both make rope."
LOGS = (
    "The logs are rotated every night at 02:30 by a timer. Old logs are kept for 14 days.\n"
    "Backups are made on Sundays at 04:15. Backups are kept for 60 days."
)
STEPS = (
    "To change the filter:\n\n1. Close the valve and wait 10 minutes.\n2. Open the cover.\n"
    "3. Take the filter out and rinse it for 2 minutes."
)
LIMITS = (
    "## Discord\n\nA message holds at most 2,000 characters. It takes 10 files.\n\n"
    "## Slack\n\nA message holds at most 40,000 characters. It takes 20 files."
)
PORTS = "The server speaks on these ports:\n\n- metrics: 9090\n- health: 8081\n- admin: 7070"
PYTHON = "Parlance 2.1 needs Python 3.11. Parlance 1.9 needs Python 3.10 and 512 MB of memory."
TIMES = "A backup takes 2 minutes. A restore takes 5 minutes."
WRAPPED = (
    "The small boat carries 6 people and\nneeds 80 cm of water. The large boat carries\n"
    "14 people and needs 150 cm of water."
)
TOWN = (
    "The lake is 12 metres deep at the pier. Swimming is free for everybody. Dogs stay on the "
    "lead. The town hall was built of red brick."
)
GERMAN = (
    "Der Turm in Lübben ist 48 Meter hoch. Er wurde 1898 gebaut. "
    "Der Turm in Calau ist 35 Meter hoch. Er wurde 1912 gebaut."
)
CHINESE = (
    "17号泊位每月239欧元。18号泊位每月246欧元。\n"
    "办公室周一至周五9点开门，周六10点开门。冬季从11月1日开始。"
)
FRENCH = "Le musée ouvre à 9 h 30. L'entrée coûte 12,50 €. Le café ouvre à 11 h 00."
SPANISH = "La sala Goya tiene 45 asientos. La sala Miró tiene 120 asientos."
DATES = "Version 3.2 came out on 5 March 2024. Version 3.3 came out on 17 June 2024."
SHARES = "In Kolm 35% of the people cycle to work. In Varde 1.2 million people live, 12% cycle."

GROUPS = (
    "The library opened on 4 March 1998. It was closed for renovation from June 2011 until "
    "15 September 2013.\n\n## Opening hours\n\n- Pool: 7:00 to 21:30\n- Gym: 6:00 to 23:00"
)
QUOTA = (
    "Requests are limited to 60 per minute for free accounts and 600 per minute for paid "
    "accounts. About 62% of the dogs and 71% of the cats were adopted within a year."
)
PASSWORDS = (
    "Passwords must have at least 12 characters. They expire after 90 days, and the last 5 "
    "passwords cannot be used again. A backup runs every 12 hours and keeps the last 30 copies."
)
REFUNDS = (
    "Returned goods must reach us within fourteen days. Refunds are paid within three working "
    "days after the goods arrive. Applications open on 1 October and close on 15 January."
)
CONFIG = (
    "```yaml\nserver:\n  port: 8443\n  max_connections: 512\n  idleTimeout: 30s\ncache:\n"
    "  size: 256MB\n  ttl: 10m\n  keep: 7d\n```"
)
INI = "```toml\n[pool]\nmax_size = 16\ntimeout = 30\n\n[log]\nkeep_days = 14\n```"
FOUNDERS = "Marta Ruiz founded the firm in 2004 together with Jan Kowalski, who left in 2010."
PRICES = "标准版每年收费1,200元，专业版每年收费3,600元，均含税。"
HOLIDAY = "Resturlaub verfällt am 31. März des Folgejahres."

LATER = [
    (GROUPS, "The library reopened on September 15, 2013, after a renovation [1].", True),
    (GROUPS, "The library opened on 15 September 2013 [1].", False),
    (GROUPS, "The pool is open from 7:00 to 21:30 [1].", True),
    (GROUPS, "The gym is open from 7:00 to 21:30 [1].", False),
    (QUOTA, "Paid accounts can make 600 requests per minute [1].", True),
    (QUOTA, "Free accounts can make up to 600 requests per minute [1].", False),
    (QUOTA, "About 62 percent of the dogs were adopted within a year [1].", True),
    (QUOTA, "About 71% of the dogs were adopted within a year [1].", False),
    (PASSWORDS, "A password needs 12 or more characters and expires after 90 days [1].", True),
    (PASSWORDS, "A password needs 5 or more characters and expires after 90 days [1].", False),
    (PASSWORDS, "The backup runs every 30 hours [1].", False),
    (REFUNDS, "Refunds are paid within 3 working days after the goods arrive [1].", True),
    (REFUNDS, "Refunds are paid within 14 working days after the goods arrive [1].", False),
    (REFUNDS, "Refunds are paid within fourteen working days after the goods arrive [1].", False),
    (REFUNDS, "Applications close on January 15 [1].", True),
    (REFUNDS, "Applications close on 1 October [1].", False),
    (CONFIG, "The cache has a size of 256 MB, a TTL of 10 minutes, and keeps 7 days [1].", True),
    (CONFIG, "The idle timeout of the server is 30 seconds [1].", True),
    (CONFIG, "The port of the server is 512 [1].", False),
    (INI, "The pool has a maximum size of 16 [1].", True),
    (INI, "The log is kept for 30 days [1].", False),
    (FOUNDERS, "Jan Kowalski left the firm in 2010 [1].", True),
    (PRICES, "专业版每年收费3600元[1]。", True),
    (PRICES, "标准版每年收费3600元[1]。", False),
    (HOLIDAY, "Der Resturlaub verfällt am 31.3. [1]", True),
]
"""What was judged wrong at first, and what it is easily mistaken for."""

SUPPORTED = [
    (BERTHS, "Berth 17 costs 239 EUR a month [1]."),
    (BERTHS, "The price of Berth 18 is 2460 EUR a year [1]."),
    (BERTHS, "Berth 17 is 239 EUR a month and Berth 18 is 246 EUR a month [1]."),
    (BERTHS, "The price a month goes from 239 to 251 EUR [1]."),
    (BERTHS, "Liegeplatz 17 kostet 239 EUR im Monat [1]."),
    (BERTHS, "18号泊位每月246欧元 [1]。"),
    (PIPES, "The Havel room has 40 seats and is on floor 1 [1]."),
    (PIPES, "Elbe has 12 seats [1], Spree has 25 seats [1]."),
    (FOUNDED, "Arken was founded in 1901 [1]."),
    (FOUNDED, "Founded in 1950, Borsk makes rope [1]."),
    (FOUNDED, "Arken and Borsk, founded in 1901 and 1950, make rope [1]."),
    (LOGS, "Old logs are kept for two weeks, i.e. 14 days [1]."),
    (LOGS, "Logs are rotated every night at 2:30 am [1]."),
    (LOGS, "2. Backups are kept for 60 days [1]."),
    (LOGS, "Backups are kept for 60 days, logs for 14 days [1]."),
    (STEPS, "In step 2 you open the cover [1]."),
    (STEPS, "Close the valve, then wait for 10 minutes [1]."),
    (LIMITS, "A message on Slack holds 40000 characters [1]."),
    (LIMITS, "Discord takes 10 files in a message [1]."),
    (PORTS, "The server speaks on port 9090 for metrics [1]."),
    (PORTS, "The ports of the server are 9090, 8081 and 7070 [1]."),
    (PYTHON, "Parlance 2.1 needs Python 3.11 [1]."),
    (PYTHON, "Parlance 1.9 needs 512 MB of memory and Python 3.10 [1]."),
    (TIMES, "A backup and a restore take from 2 to 5 minutes [1]."),
    (TIMES, "Backup: 2 min, restore: 5 min, that is what it takes [1]."),
    (WRAPPED, "The large boat carries 14 people [1]."),
    (WRAPPED, "The small boat needs 80 cm of water [1]."),
    (GERMAN, "Der Turm in Lübben wurde 1898 gebaut [1]."),
    (GERMAN, "The tower in Calau is 35 metres high [1]."),
    (CHINESE, "18号泊位每月246欧元[1]。"),
    (CHINESE, "周六办公室10点开门[1]。"),
    (CHINESE, "Berth 17 costs 239 EUR a month [1]."),
    (FRENCH, "L'entrée du musée coûte 12,50 euros [1]."),
    (FRENCH, "The museum opens at 9:30 [1]."),
    (SPANISH, "La sala Miró tiene 120 asientos [1]."),
    (SPANISH, "戈雅厅（Goya）有45个座位[1]。"),
    (DATES, "Version 3.3 came out on 2024-06-17 [1]."),
    (DATES, "On March 5, 2024 version 3.2 came out [1]."),
    (SHARES, "Varde has 1,200,000 people who live there [1]."),
    (SHARES, "35 percent of the people of Kolm cycle to work [1]."),
]
UNSUPPORTED = [
    (BERTHS, "Berth 17 costs 246 EUR a month [1]."),
    (BERTHS, "The price of Berth 18 is 2,390 EUR a year [1]."),
    (BERTHS, "The price of Berth 17 is 239 EUR a year [1]."),
    (BERTHS, "Berth 17 is 246 EUR a month and Berth 18 is 239 EUR a month [1]."),
    (BERTHS, "Liegeplatz 17 kostet 246 EUR im Monat [1]."),
    (BERTHS, "18号泊位每月239欧元 [1]。"),
    (PIPES, "The Havel room has 12 seats [1]."),
    (PIPES, "The Elbe room has 25 seats and is on floor 3 [1]."),
    (FOUNDED, "Borsk was founded in 1901 [1]."),
    (FOUNDED, "Founded in 1950, Arken makes rope [1]."),
    (FOUNDED, "Arken was founded in 1950 and Borsk in 1901 [1]."),
    (LOGS, "Old logs are kept for 60 days [1]."),
    (LOGS, "Backups are made on Sundays at 02:30 [1]."),
    (LOGS, "Old logs are kept for 14 hours [1]."),
    (LOGS, "Logs are rotated every night at 2:30 pm [1]."),
    (STEPS, "In step 3 you open the cover [1]."),
    (STEPS, "Rinse the filter for 10 minutes [1]."),
    (LIMITS, "A message on Discord holds 40,000 characters [1]."),
    (LIMITS, "On Slack a message takes 10 files [1]."),
    (PORTS, "The server speaks on port 8081 for metrics [1]."),
    (PORTS, "The admin port of the server is 9090 [1]."),
    (PYTHON, "Parlance 2.1 needs Python 3.10 [1]."),
    (PYTHON, "Parlance 2.1 needs Python 3.1 [1]."),
    (TIMES, "A restore takes 2 minutes [1]."),
    (TIMES, "A backup takes 5 minutes and a restore takes 2 minutes [1]."),
    (WRAPPED, "The small boat carries 14 people [1]."),
    (WRAPPED, "The large boat needs 80 cm of water [1]."),
    (TOWN, "The red town hall is 12 metres high [1]."),
    (GERMAN, "Der Turm in Calau ist 48 Meter hoch [1]."),
    (GERMAN, "Der Turm in Lübben wurde 1912 gebaut [1]."),
    (CHINESE, "17号泊位每月246欧元[1]。"),
    (CHINESE, "冬季从11月2日开始[1]。"),
    (CHINESE, "Berth 17 costs 246 EUR a month [1]."),
    (FRENCH, "Le café ouvre à 9 h 30 [1]."),
    (FRENCH, "L'entrée coûte 12,50 $ au musée [1]."),
    (SPANISH, "La sala Goya tiene 120 asientos [1]."),
    (SPANISH, "The Miró hall has 45 seats [1]."),
    (DATES, "Version 3.3 came out on 5 March 2024 [1]."),
    (DATES, "Version 3.2 came out on 2024-06-17 [1]."),
    (SHARES, "In Kolm 12% of the people cycle to work [1]."),
]


@pytest.mark.parametrize(("passage", "answer"), SUPPORTED)
async def test_a_number_where_its_passage_has_it_is_supported(passage: str, answer: str) -> None:
    checked = await check_support(answer, [passage])
    assert checked
    assert [one.text for one in checked if not one.supported] == []


@pytest.mark.parametrize(("passage", "answer"), UNSUPPORTED)
async def test_a_number_that_belongs_to_something_else_is_noticed(
    passage: str, answer: str
) -> None:
    checked = await check_support(answer, [passage])
    assert [one.text for one in checked if not one.supported]


@pytest.mark.parametrize(("passage", "answer", "right"), LATER)
async def test_what_was_mistaken_for_something_else(passage: str, answer: str, right: bool) -> None:
    checked = await check_support(answer, [passage])
    assert [one.supported for one in checked] == [right]


async def test_a_number_in_the_heading_above_a_passage_is_not_an_invention() -> None:
    passage, answer = (
        "It was released with a faster start.",
        "3.11 was released with a faster start.",
    )
    alone = await check_support(answer, [passage])
    below = await check_support(answer, [passage], headings=["Python 3.11"])
    assert [one.supported for one in alone + below] == [False, True]


async def test_a_wrong_number_is_noticed_across_the_passages_that_are_cited() -> None:
    rows = BERTHS.split("\n")
    right, wrong = (
        "Berth 17 costs 239 EUR a month [1][2].",
        "Berth 17 costs 246 EUR a month [1][2].",
    )
    assert [one.supported for one in await check_support(right, rows)] == [True]
    assert [one.supported for one in await check_support(wrong, rows)] == [False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,234", "1.234", True),
        ("12,000", "12", False),
        ("1 000 000", "1 million", True),
        ("3万", "30,000", True),
        ("2:30 pm", "14:30", True),
        ("2:30 pm", "2:30", False),
        ("14.30 Uhr", "14:30", True),
        ("14 days", "2 weeks", True),
        ("14 days", "14 hours", False),
        ("50 %", "50 pour cent", True),
        ("50 %", "50 EUR", False),
        ("5 March", "03-05", False),
        ("March 5th", "5. März", True),
        ("3月5日", "5 de marzo", True),
        ("v1.10", "v1.1", False),
        ("2.50 EUR", "€2.5", True),
        ("10m", "10 minutes", True),
        ("7d", "7 days", True),
        ("31.3. fällig", "March 31", True),
    ],
)
def test_figures_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:
    (a,), (b, *_) = find_figures(one), find_figures(other)
    assert a.same(b) is same


@pytest.mark.parametrize("text", ["SHA256 and utf8", "a 3d print of 7zip", "step_2"])
def test_a_digit_in_a_word_is_no_figure(text: str) -> None:
    assert find_figures(text) == []


@given(st.text(st.sampled_from("0123 9.,:/-%€年月日点pmhk|;#*\nMarch 十två"), max_size=120))
def test_any_text_can_be_read_and_bears_itself_out_or_not(text: str) -> None:
    found = find_figures(text, spelled=True)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    find_misplaced_figures(text, [extract_claims(text, text)])
