"""A JSON Patch of a digital twin, turned into a merge patch of the desired properties.

Digital twin reference of IoT Hub, "Update digital twin". The operations of one
request make one desired write, so the device is told once:

=====================================  =============================================
operation                              desired properties
=====================================  =============================================
add, replace ``/p``                    ``p`` is the value, an object's old fields go
add, replace ``/comp/p``               the same inside ``comp``, which gets its marker
add, replace ``/comp`` with            exactly these members, all others go
an object that holds ``$metadata``
remove ``/p``, ``/comp/p``             the member goes
remove ``/comp``                       every member goes, the marker stays
=====================================  =============================================

Names are not checked against a model: this hub has no model repository.
"""

import re
from typing import Any

from ..errors import HubError
from .digital_twin import MARKER, is_component
from .merge import Document, merge, replacing
from .twin import Twin

MAX_DEPTH = 5  # levels of a property's value
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9_]{0,62}[A-Za-z0-9])?")  # DTDL version 2, "Property"


def desired_patch(operations: Any, twin: Twin) -> Document:
    """The merge patch for ``properties.desired``.

    400505 for what is no JSON Patch, 400506 for a value that a digital twin
    cannot hold, 400507 for a member that is something else in this twin, 400508
    for a path that leads nowhere.
    """
    if not isinstance(operations, list) or not operations:
        raise _refuse("JsonPatch", "The body must be a JSON Patch: an array of at least one operation.")
    patch: Document = {}
    for number, operation in enumerate(operations):
        _apply(patch, _checked(operation, number), twin)
    return patch


def _refuse(what: str, message: str) -> HubError:
    return HubError(f"InvalidDigitalTwin{what}", message)


def _checked(operation: Any, number: int) -> Document:
    if not isinstance(operation, dict):
        raise _refuse("JsonPatch", f"Operation {number} is not a JSON object.")
    if operation.get("op") not in ("add", "replace", "remove"):
        raise _refuse("JsonPatch", f"The 'op' of operation {number} must be add, replace or remove.")
    if operation["op"] != "remove" and operation.get("value") is None:
        raise _refuse(
            "JsonPatch",
            f"Operation {number} needs a 'value' that is not null; to delete a member, use remove.",
        )
    return operation


def _apply(patch: Document, operation: Document, twin: Twin) -> None:
    path = operation.get("path")
    names = _names(path)
    remove = operation["op"] == "remove"
    value = None if remove else operation["value"]
    desired = merge(twin.desired.values, patch)
    told = twin.reported.values
    root = names[0]
    known = any(is_component(section.get(root)) for section in (desired, told))
    if remove and not any(_has(section, names) for section in (desired, told)):
        raise _refuse("PatchPath", f"There is nothing at {path} to remove; read the digital twin again.")
    if len(names) == 2:
        if not known and (root in desired or root in told):
            raise _refuse(
                "Patch",
                f"'{root}' exists within the device twin and is not a component (it has no marker "
                f'"{MARKER}": "c"); write the property /{root} as a whole, or remove it first.',
            )
        component = patch.setdefault(root, {})
        component[MARKER] = "c"
        component[names[1]] = _whole(_property(value, path), desired.get(root, {}).get(names[1]))
    elif known or (isinstance(value, dict) and "$metadata" in value):
        if not known and (root in desired or root in told):
            raise _refuse(
                "Patch", f"'{root}' exists within the device twin and is a property, not a component."
            )
        patch[root] = _component(value, path, desired.get(root, {}))
    else:
        patch[root] = _whole(_property(value, path), desired.get(root))


def _has(section: Document, names: list[str]) -> bool:
    for name in names:
        if not isinstance(section, dict) or name not in section:
            return False
        section = section[name]
    return True


def _names(path: Any) -> list[str]:
    names = path.split("/")[1:] if isinstance(path, str) and path.startswith("/") else []
    if not 1 <= len(names) <= 2:
        raise _refuse(
            "PatchPath", f"The path {str(path)[:128]!r} must be /property, /component or /component/property."
        )
    for name in names:
        _check_name(name, "PatchPath", path)
    return names


def _check_name(name: str, what: str, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise _refuse(
            what,
            f"The name {name[:64]!r} at {path[:128]} is none of a model: 1 to 64 letters, digits and '_', "
            "a letter first, no '_' last.",
        )


def _component(value: Any, path: str, old: Any) -> Document:
    """All of a component's desired members, those that go as null."""
    if value is None:
        value = {"$metadata": {}}
    if not isinstance(value, dict) or value.get("$metadata") != {}:
        raise _refuse(
            "Payload", f'The component {path} as a whole needs an empty object "$metadata" among its members.'
        )
    members: Document = {MARKER: "c"}
    for name, member in value.items():
        if name != "$metadata":
            _check_name(name, "Payload", path)
            members[name] = _property(member, f"{path}/{name}")
    return replacing(old if isinstance(old, dict) else {}, members)


def _property(value: Any, path: str, depth: int = 1) -> Any:
    if isinstance(value, list):
        raise _refuse("Payload", f"The value at {path[:128]} is an array; properties of DTDL 2 have none.")
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            raise _refuse("Payload", f"The value at {path[:128]} is nested deeper than {MAX_DEPTH} levels.")
        for name, member in value.items():
            _check_name(name, "Payload", path)
            _property(member, f"{path}/{name}", depth + 1)
    return value


def _whole(value: Any, old: Any) -> Any:
    """A property is written whole: fields of its old value that are not in the new one go."""
    if isinstance(value, dict) and isinstance(old, dict):
        return replacing(old, value)
    return value
