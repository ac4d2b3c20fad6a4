"""Merge patches over documents and over their time stamps.

The rules are those of the IoT Hub developer guide's device twins (RFC 7386 with
objects that stay when emptied). Documents are never changed in place: untouched
parts are shared between the old and the new one, so a refused write costs nothing
and a half-done one cannot be seen. Nothing of a patch is shared with a document.
"""

from typing import Any

from .. import jsontext

Document = dict[str, Any]


def strip(members: Document) -> Document:
    """A copy without null members, at every level of objects."""
    return {
        key: strip(value) if isinstance(value, dict) else jsontext.copy(value)
        for key, value in members.items()
        if value is not None
    }


def merge(values: Document, patch: Document) -> Document:
    """``values`` with ``patch`` applied.

    Null deletes (a missing member too: no error); an object onto an object
    recurses; an object onto anything else is stored without its null members;
    scalars and arrays replace. An object that is emptied stays as ``{}``.
    """
    result = dict(values)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = values.get(key)
            result[key] = merge(old, value) if isinstance(old, dict) else strip(value)
        else:
            result[key] = jsontext.copy(value)
    return result


def changes_something(values: Document, patch: Document) -> bool:
    """Whether a patch has any effect by *existence* (equal values count as a change).

    Without effect are: null for a missing member, and an object all of whose
    members are without effect onto an object.
    """
    for key, value in patch.items():
        if value is None:
            if key in values:
                return True
        elif (
            not isinstance(value, dict)
            or not isinstance(values.get(key), dict)
            or changes_something(values[key], value)
        ):
            return True
    return False


def stamp(nodes: Document, values: Document, patch: Document, mark: Document) -> Document:
    """The ``$metadata`` after ``patch`` was applied to ``values``.

    ``nodes`` is the metadata that belongs to ``values``; ``mark`` the members a
    touched node gets (``$lastUpdated``, for desired also ``$lastUpdatedVersion``).
    Every touched member and all its ancestors are marked; siblings keep theirs.
    """
    result = {**nodes, **mark}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif not isinstance(value, dict):
            result[key] = dict(mark)
        elif not isinstance(values.get(key), dict):
            result[key] = stamp_all(value, mark)
        elif changes_something(values[key], value):
            result[key] = stamp(nodes[key], values[key], value, mark)
    return result


def stamp_all(members: Document, mark: Document) -> Document:
    """Metadata for members that are all new. Arrays have one node, as scalars have."""
    result = dict(mark)
    for key, value in members.items():
        if value is not None:
            result[key] = stamp_all(value, mark) if isinstance(value, dict) else dict(mark)
    return result


def signed(nodes: Document, path: tuple[str, ...], mark: Document) -> Document:
    """The ``$metadata`` with the members of ``mark`` at the node of a path, if there is one, and at all within it."""
    name, *rest = path
    node = nodes.get(name)
    if node is None:
        return nodes
    return {**nodes, name: signed(node, tuple(rest), mark) if rest else _signed(node, mark)}


def _signed(node: Document, mark: Document) -> Document:
    inner = {name: value if name.startswith("$") else _signed(value, mark) for name, value in node.items()}
    return {**inner, **mark}


def replacing(old: Document, new: Document) -> Document:
    """The notification of a replacement: the new content, and null for every member that disappears."""
    result: Document = {key: None for key in old if new.get(key) is None}
    for key, value in new.items():
        if value is None:
            continue
        if isinstance(value, dict):
            before = old.get(key)
            result[key] = replacing(before, value) if isinstance(before, dict) else strip(value)
        else:
            result[key] = jsontext.copy(value)
    return result


def select(nodes: Document, patch: Document) -> Document:
    """The part of the metadata that a patch touched, for change events."""
    result = {key: value for key, value in nodes.items() if key.startswith("$")}
    for key, value in patch.items():
        node = nodes.get(key)
        if value is not None and node is not None:
            result[key] = select(node, value) if isinstance(value, dict) else dict(node)
    return result
