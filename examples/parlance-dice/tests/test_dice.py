import re

import pytest

pytestmark = pytest.mark.parlance(plugins=["parlance_dice"])


async def test_a_roll_adds_up(parlance):
    answer = await parlance.say("/dice 3d6")
    numbers = [int(n) for n in re.findall(r"\d+", answer.text.split(":")[1])]
    assert len(numbers) == 4
    assert sum(numbers[:3]) == numbers[3]


async def test_nonsense_is_refused_with_an_example(parlance):
    answer = await parlance.say("/dice a lot")
    assert answer.state == "refused"
    assert "/dice 2d6" in answer.text


@pytest.mark.parlance(plugins=None)
async def test_it_is_found_once_it_is_installed(parlance):
    assert "dice" in (await parlance.say("/help")).text
