"""Forms (modals) as Discord's own client holds them: what may stand in one, and what it sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.discord.state import Json

_LABEL, _TEXT, _FILES, _RADIO, _TICK = 18, 4, 19, 21, 23
_MOST_FIELDS = 5
_SHORT = 1
_FORMS_OPEN_ON = {2, 3}
"""A form answers a command or a button, not another form."""


def problems(form: Json, answering: int) -> list[str]:
    """What Discord would refuse beyond its description: rules that no schema tells."""
    fields = fields_of(form)
    found = []
    if answering not in _FORMS_OPEN_ON:
        found.append(f"a form cannot answer an interaction of type {answering}")
    if not 1 <= len(form["components"]) <= _MOST_FIELDS:
        found.append(f"a form of {len(form['components'])} components")
    if len(fields) != len(form["components"]):
        found.append("two fields with one id")
    for name, field in fields.items():
        text = field.get("value") or ""
        if len(text) > field.get("max_length", 4000):
            found.append(f"{name}: {len(text)} characters in a shorter field")
        if field.get("style") == _SHORT and "\n" in text:
            found.append(f"{name}: several lines in a field of one")
        values = [o["value"] for o in field.get("options") or ()]
        if len(values) != len(set(values)):
            found.append(f"{name}: two choices with one value")
        if sum(bool(o.get("default")) for o in field.get("options") or ()) > 1:
            found.append(f"{name}: two choices are made")
        if field.get("required", True) and field.get("min_values") == 0:
            found.append(f"{name}: required, and nothing is enough")
    return [f"modal {form['custom_id']}: {one}" for one in found]


def fields_of(form: Json) -> dict[str, Json]:
    """The fields of a form by their ids."""
    inner = [c["component"] for c in form["components"] if c["type"] == _LABEL]
    return {field["custom_id"]: field for field in inner}


def shown(form: Json) -> dict[str, Any]:
    """What stands in a form when it opens, by field: text, choices or a tick."""
    return {name: _shown(field) for name, field in fields_of(form).items()}


def _shown(field: Json) -> Any:
    if field["type"] == _TEXT:
        return field.get("value") or ""
    if field["type"] == _TICK:
        return bool(field.get("default"))
    return [o["value"] for o in field.get("options") or () if o.get("default")]


def sent(form: Json, typed: Mapping[str, Any], files: Mapping[str, Sequence[Json]]) -> Json:
    """What Discord sends for a form in which a person changed some fields.

    A field that is not named is left as it was. Raises `AssertionError` for what Discord's client
    would not let a person do.
    """
    fields = fields_of(form)
    strange = {*typed, *files} - set(fields)
    assert not strange, f"the form has no {strange}; it has {sorted(fields)}"
    components: list[Json] = []
    known: Json = {}
    for name, field in fields.items():
        given = files.get(name, ())
        known |= {one["id"]: one for one in given}
        value = [one["id"] for one in given] if field["type"] == _FILES else _shown(field)
        component = {"type": field["type"], "custom_id": name, "id": len(components) + 2}
        component |= _entered(field, typed.get(name, value))
        components.append({"type": _LABEL, "id": len(components) + 1, "component": component})
    resolved = {"resolved": {"attachments": known}} if known else {}
    return {"custom_id": form["custom_id"], "components": components, **resolved}


def _entered(field: Json, value: Any) -> Json:
    """A field's value, if a person could have entered it."""
    name, required = field["custom_id"], field.get("required", True)
    if field["type"] == _TEXT:
        assert len(value) <= field.get("max_length", 4000), f"{name} is too long to type"
        assert not (field["style"] == _SHORT and "\n" in value), f"{name} has one line"
        assert value or not required, f"{name} is required"
        return {"value": value}
    if field["type"] == _TICK:
        assert isinstance(value, bool), f"{name} is ticked or not"
        return {"value": value}
    if field["type"] == _FILES:
        assert len(value) <= field["max_values"], f"{name} takes fewer files"
    else:
        offered = [o["value"] for o in field["options"]]
        assert set(value) <= set(offered), f"{name} offers {offered}"
    assert value or not required, f"{name} is required"
    if field["type"] == _RADIO:
        return {"value": next(iter(value), None)}
    return {"values": list(value)}
