"""tau2's telecom tickets (MIT): whether an oracle that knows what to do gets it done through
approvals.

The player has the provider's tools and those of the person's phone, looks the customer up by the
telephone number of the ticket, and then does what the ticket's solution says.
"""

from __future__ import annotations

import gzip
import importlib
import inspect
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, create_model

from bench.agent_sets import fetch, stand_in
from bench.agent_stage import Card, Player, Presses, stage, stands
from bench.rows import Row
from bot.agent.value_search import SearchedText
from bot.errors import Failed
from bot.skills.tool import AgentTool, ToolResult

_LEAST_SOLVED: Final = 0.95
_SPLIT: Final = "base"
_PHONE_NUMBER = re.compile(r"\d{3}-\d{3}-\d{4}")
_READS: Final = ("get_", "check_", "can_", "run_")
_PHONE: Final = (
    *("check_status_bar", "check_network_status", "check_network_mode_preference"),
    *("set_network_mode_preference", "run_speed_test", "toggle_airplane_mode", "check_sim_status"),
    *("reseat_sim_card", "toggle_data", "toggle_roaming", "check_data_restriction_status"),
    *("toggle_data_saver_mode", "check_apn_settings", "reset_apn_settings", "check_wifi_status"),
    *("toggle_wifi", "check_wifi_calling_status", "toggle_wifi_calling", "check_vpn_status"),
    *("connect_vpn", "disconnect_vpn", "check_installed_apps", "check_app_status"),
    *("check_app_permissions", "grant_app_permission", "can_send_mms", "reboot_device"),
    *("check_payment_request", "make_payment"),
)
"""What a person can do with the phone; the others set a scene up, or look whether it is solved."""
_PROVIDER: Final = (
    *("get_customer_by_phone", "get_customer_by_id", "get_customer_by_name", "get_details_by_id"),
    *("suspend_line", "resume_line", "get_bills_for_customer", "send_payment_request"),
    *("get_data_usage", "enable_roaming", "disable_roaming", "refuel_data"),
    "transfer_to_human_agents",
)
_WORDING: Final = frozenset({"summary", "reason"})


class _Values(BaseModel):
    """In the place of the store that keeps an environment between samples."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


@dataclass
class _Desk:
    environment: Any = None
    done: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


async def rows(quick: bool) -> list[Row]:
    """Play the tickets. Raises `NotFetched`."""
    tickets, make = _load()
    desk = _Desk()
    solved, cards, silent = [], [], 0
    async with stage(_tools(make(), desk)) as on:
        for ticket in tickets[:: 10 if quick else 1]:
            desk.environment, desk.done = _set_up(ticket, make), []
            silent += _ends_well(ticket, desk)
            actions = ticket["evaluation_criteria"]["actions"] or []
            calls = [(one["name"], one["arguments"]) for one in actions]
            first = ("get_customer_by_phone", {"phone_number": _number(ticket)})
            player = Player([first, *calls], "Done.")
            played = await on.play(ticket["ticket"], player, _owner(ticket, desk))
            solved.append(_is_solved(ticket, desk))
            cards.append(played.cards)
    share, count = sum(solved) / len(solved), len(solved)
    return [
        Row(
            f"telecom tickets solved by the oracle, careful person, {count}",
            *(share, "", f"≥ {_LEAST_SOLVED}", share >= _LEAST_SOLVED),
        ),
        Row(f"… that end well without any call, of {count}", silent, "", "", None),
        Row("… cards a ticket, median", statistics.median(cards), "", "", None),
    ]


def _load() -> tuple[list[Any], Any]:
    """The tickets, and what makes an environment."""
    root = fetch() / "inspect_evals"
    stand_in("inspect_ai")
    store = SimpleNamespace(StoreModel=_Values, store_as=lambda kind, instance=None: kind())
    stand_in("inspect_ai.util", **vars(store))
    stand_in("inspect_ai.tool", ToolError=_ToolError)
    stand_in("inspect_ai.model", Content=object, ContentText=object)
    for name in ("", ".tau2", ".tau2.telecom"):
        stand_in(f"inspect_evals{name}", [root.joinpath(*name.split(".")[1:])])
    data = root / "tau2" / "data" / "domains" / "telecom"
    with gzip.open(data / "tasks.json.gz") as file:
        found = {one["id"]: one for one in json.load(file)}
    wanted = json.loads((data / "split_tasks.json").read_text("utf-8"))[_SPLIT]
    environment = importlib.import_module("inspect_evals.tau2.telecom.environment")
    return [found[one] for one in wanted], environment.get_environment


class _ToolError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _side(environment: Any, name: str) -> Any:
    return environment.user_tools if name in _PHONE else environment.tools


def _tools(example: Any, desk: _Desk) -> list[AgentTool]:
    """The tools of the phone and of the provider, as their author would declare them: what looks
    something up only reads, the phone's switches write, and what the provider does goes out. What
    matters is whom and what a call names, and amounts; not wording."""

    def made(name: str) -> AgentTool:
        method = getattr(_side(example, name), name)
        given = inspect.signature(method, eval_str=True).parameters
        fields: dict[str, Any] = {
            one.name: (one.annotation, ... if one.default is one.empty else one.default)
            for one in given.values()
        }

        async def run(ctx: Any, **arguments: Any) -> ToolResult:
            try:
                result = getattr(_side(desk.environment, name), name)(**arguments)
            except (_ToolError, ValueError) as error:
                raise Failed(str(error)) from None
            desk.environment.sync_tools()
            desk.done.append((name, arguments))
            return ToolResult(_written(result), name=name)

        reads = name.startswith(_READS)
        return AgentTool(
            name=name,
            description=" ".join((inspect.getdoc(method) or name).partition("\n\n")[0].split()),
            handler=run,
            parameters=create_model(name, **fields).model_json_schema(),
            effect="read" if reads else "write" if name in _PHONE else "outward",
            matters=tuple(one for one in given if one not in _WORDING and one != "mode"),
            results="server",
        )

    return [made(name) for name in (*_PHONE, *_PROVIDER)]


def _written(result: Any) -> str:
    return result.model_dump_json() if isinstance(result, BaseModel) else str(result)


def _number(ticket: Any) -> str:
    found = _PHONE_NUMBER.search(ticket["ticket"])
    return found[0] if found else ""


def _set_up(ticket: Any, make: Any) -> Any:
    environment = make()
    for one in (ticket["initial_state"] or {}).get("initialization_actions") or ():
        side = environment.user_tools if one["env_type"] == "user" else environment.tools
        getattr(side, one["func_name"])(**one["arguments"])
        environment.sync_tools()
    return environment


def _is_solved(ticket: Any, desk: _Desk) -> bool:
    wanted = ticket["evaluation_criteria"]
    if not _ends_well(ticket, desk):
        return False
    if "ACTION" not in wanted["reward_basis"]:
        return True
    return all(any(_is_action(one, call) for call in desk.done) for one in wanted["actions"])


def _is_action(wanted: Any, call: tuple[str, Mapping[str, Any]]) -> bool:
    """Whether a call is a wanted one, in the arguments that are compared."""
    name, given = call
    compared = wanted["arguments"] if wanted["compare_args"] is None else wanted["compare_args"]
    same = all(given.get(one) == wanted["arguments"].get(one) for one in compared)
    return name == wanted["name"] and same


def _ends_well(ticket: Any, desk: _Desk) -> bool:
    """Whether the phone and the contract are as they should be in the end."""
    for one in ticket["evaluation_criteria"]["env_assertions"] or ():
        environment = desk.environment
        side = environment.user_tools if one["env_type"] == "user" else environment.tools
        if getattr(side, one["func_name"])(**one["arguments"]) != one["assert_value"]:
            return False
    return True


def _owner(ticket: Any, desk: _Desk) -> Presses:
    """A person who approves where each value in bold stands in the ticket, in what they know of
    themselves, in their contract, or on their phone."""
    own = [ticket["ticket"], json.dumps(ticket["user_scenario"]["instructions"])]
    environment = desk.environment
    customer = environment.tools.get_customer_by_phone(_number(ticket))
    own.append(_written(customer))
    own += [_written(environment.tools.get_details_by_id(one)) for one in customer.line_ids]
    own += [_written(one) for one in environment.tools.get_bills_for_customer(customer.customer_id)]
    phone = environment.user_tools
    own += [phone.check_installed_apps(), phone.check_app_permissions("messaging")]
    own.append("storage and sms are permissions of an app")
    known: Sequence[SearchedText] = [SearchedText(one) for one in own]

    def presses(card: Card) -> bool:
        return all(stands(value, known) for value in card.values)

    return presses
