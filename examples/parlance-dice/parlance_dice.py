"""`/dice 2d6`: a whole plugin for Parlance."""

import random
import re

from bot.api import Context, Example, Skill, Text, UsageError, command, hookimpl


@command("dice", examples=[Example("/dice 2d6", says="2d6")])
async def dice(ctx: Context, roll: str = "1d6"):
    """Roll dice, such as 2d6."""
    found = re.fullmatch(r"([1-9]\d?)d([1-9]\d{0,2})", roll)
    if found is None:
        raise UsageError("Write it like /dice 2d6: up to 99 dice with up to 999 sides.")
    numbers = [random.randint(1, int(found[2])) for _ in range(int(found[1]))]
    yield Text(f"**{roll}**: {' + '.join(map(str, numbers))} = **{sum(numbers)}**")


@hookimpl
def register_skills():
    return [Skill("dice", commands=(dice,))]
