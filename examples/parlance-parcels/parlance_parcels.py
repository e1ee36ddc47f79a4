"""Two tools for a model: one looks a parcel up, one sends it somewhere else."""

from typing import Annotated

from bot.api import Context, NotFound, Option, OutcomeUnknown, hookimpl, tool

PARCELS = {"4711": "Lisbon", "4712": "Oslo"}
ON_THE_ROAD = {"4712"}


@tool(results="people", status="Looking for the parcel")
async def find_parcel(ctx: Context, number: Annotated[str, Option("On its label")]) -> str:
    """Say where a parcel goes."""
    return f"Parcel {number} goes to {PARCELS[_known(number)]}."


@tool(effect="outward", matters=("number", "city"), status="Redirecting the parcel")
async def redirect_parcel(
    ctx: Context,
    number: Annotated[str, Option("On its label")],
    city: Annotated[str, Option("Where it should go instead")],
) -> str:
    """Send a parcel to another city."""
    if _known(number) in ON_THE_ROAD:
        raise OutcomeUnknown("The carrier did not answer; ask them before you try again.")
    PARCELS[number] = city
    return f"Parcel {number} goes to {city} now."


def _known(number: str) -> str:
    if number not in PARCELS:
        raise NotFound(f"There is no parcel {number}; there are: {', '.join(PARCELS)}.")
    return number


@hookimpl
def register_tools():
    return [find_parcel, redirect_parcel]
