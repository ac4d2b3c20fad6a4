"""A device twin seen as a digital twin: its members by model, and JSON Patch over them.

Digital twin reference of IoT Hub ("Understand IoT Plug and Play digital twins").
The digital twin is a view; nothing of it is stored. Each object of it holds the
values that the device reports, and in ``$metadata`` what is known of each member:
desired value and version, acknowledgement, time. A component is an object with
the marker ``"__t": "c"`` in the device twin, and an object with ``$metadata`` here.

==========================  ======================================
device twin                 digital twin
==========================  ======================================
reported ``p: v``           ``p: v``, ``$metadata.p.lastUpdateTime``
reported acknowledgement    ``p: value`` and ``$metadata.p.ackVersion``,
                            ``.ackCode``, ``.ackDescription``
desired ``p: d``            ``$metadata.p.desiredValue``, ``.desiredVersion``
==========================  ======================================
"""

from typing import Any

from .. import jsontext
from .twin import Document, Twin

MARKER = "__t"
_ACKNOWLEDGEMENT = (("av", "ackVersion"), ("ac", "ackCode"), ("ad", "ackDescription"))


def digital_twin(device_id: str, twin: Twin) -> Document:
    """The whole view. A device that announced no model has ``""`` as its ``$model``.

    Values are the twin's own: read them, do not change them.
    """
    desired, reported = twin.desired, twin.reported
    return {
        "$dtId": device_id,
        **_members(
            *(desired.values, desired.metadata, reported.values, reported.metadata),
            {"$model": twin.model_id or ""},
        ),
    }


def is_component(value: Any) -> bool:
    """Whether a member of a device twin is a component."""
    return isinstance(value, dict) and value.get(MARKER) == "c"


def is_acknowledgement(value: Any) -> bool:
    """Whether a reported value is that of a writable property, ``{"value", "ac", "av", "ad"?}``."""
    return isinstance(value, dict) and value.keys() >= {"value", "ac", "av"}


def _members(
    desired: Document,
    desired_nodes: Document,
    reported: Document,
    reported_nodes: Document,
    metadata: Document,
) -> Document:
    """One object of the view, from the four objects of the device twin that belong to it."""
    view: Document = {}
    for name in dict.fromkeys((*reported, *desired)):
        if name == MARKER:
            continue
        wanted, told = desired.get(name), reported.get(name)
        if is_component(wanted) or is_component(told):
            view[name] = _members(
                _object(wanted),
                desired_nodes.get(name, {}),
                _object(told),
                reported_nodes.get(name, {}),
                {},
            )
            continue
        about = metadata[name] = {}
        if name in desired:
            about["desiredValue"] = wanted
            about["desiredVersion"] = desired_nodes[name]["$lastUpdatedVersion"]
        if name in reported:
            view[name] = told
            if is_acknowledgement(told):
                view[name] = told["value"]
                about.update({there: told[here] for here, there in _ACKNOWLEDGEMENT if here in told})
            about["lastUpdateTime"] = reported_nodes[name]["$lastUpdated"]
    return {"$metadata": metadata, **view}


def _object(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def changes(before: Document, after: Document, path: str = "") -> list[Document]:
    """The JSON Patch from one view to a later one, as change events carry it.

    What is known of a member comes before its value, and a member or component
    that is new is added whole.
    """
    old, new = before.get("$metadata", {}), after.get("$metadata", {})
    operations: list[Document] = []
    for name in dict.fromkeys((*old, *new)):
        place = f"{path}/$metadata/{name}"
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            fields = sorted({*old[name], *new[name]})
            for field in fields:
                operations += _change(old[name], new[name], field, f"{place}/{field}")
        else:
            operations += _change(old, new, name, place)
    for name in dict.fromkeys((*before, *after)):
        if name == "$metadata":
            continue
        was, now = before.get(name), after.get(name)
        if isinstance(was, dict) and isinstance(now, dict) and "$metadata" in was and "$metadata" in now:
            operations += changes(was, now, f"{path}/{name}")
        else:
            operations += _change(before, after, name, f"{path}/{name}")
    return operations


def _change(before: Document, after: Document, name: str, path: str) -> list[Document]:
    if name not in after:
        return [{"op": "remove", "path": path}]
    if name not in before:
        return [{"op": "add", "path": path, "value": jsontext.copy(after[name])}]
    # What was not touched is the same object in both.
    if before[name] is not after[name] and jsontext.encode(before[name]) != jsontext.encode(after[name]):
        return [{"op": "replace", "path": path, "value": jsontext.copy(after[name])}]
    return []
