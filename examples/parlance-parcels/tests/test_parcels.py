import parlance_parcels
import pytest

from bot.testing import calls

PLUGINS = ["plugins.agent", "parlance_parcels"]


@pytest.fixture(autouse=True)
def parcels(monkeypatch):
    monkeypatch.setattr(parlance_parcels, "PARCELS", {"4711": "Lisbon", "4712": "Oslo"})


@pytest.mark.parlance(
    plugins=PLUGINS, replies=[calls("find_parcel", number="4711"), "It goes to Lisbon."]
)
async def test_it_only_looks_without_asking(parlance):
    answer = await parlance.say("/agent where does parcel 4711 go?")
    assert answer.view.text == "It goes to Lisbon."
    assert [step.state for step in await parlance.steps(answer)] == ["done"]


@pytest.mark.parlance(
    plugins=PLUGINS, replies=[calls("redirect_parcel", number="4711", city="Porto"), "Done."]
)
async def test_what_the_asker_said_is_done_at_once(parlance):
    answer = await parlance.say("/agent send 4711 to Porto")
    assert answer.state == "complete"
    assert parlance_parcels.PARCELS["4711"] == "Porto"


@pytest.mark.parlance(
    plugins=PLUGINS, replies=[calls("redirect_parcel", number="4711", city="Nowhere"), "Done."]
)
async def test_what_the_model_made_up_waits_for_a_press(parlance):
    asked = await parlance.say("/agent send 4711 to where it belongs")
    assert "**city: `Nowhere`** (the model's own)" in asked.text
    assert parlance_parcels.PARCELS["4711"] == "Lisbon"
    await parlance.press(asked, "refuse")
    assert parlance_parcels.PARCELS["4711"] == "Lisbon"


@pytest.mark.parlance(
    plugins=PLUGINS,
    replies=[calls("find_parcel", number="9"), calls("find_parcel", number="4711"), "Lisbon."],
)
async def test_a_mistake_tells_the_model_what_to_do_instead(parlance):
    answer = await parlance.say("/agent where does parcel 9 go?")
    assert "there are: 4711, 4712" in parlance.model.requests[1].messages[-1].content
    assert [step.state for step in await parlance.steps(answer)] == ["failed", "done"]


@pytest.mark.parlance(
    plugins=PLUGINS, replies=[calls("redirect_parcel", number="4712", city="Porto"), "Ask them."]
)
async def test_what_may_have_been_done_is_said(parlance):
    answer = await parlance.say("/agent send 4712 to Porto")
    assert "It is not known whether redirect_parcel was done." in answer.text
