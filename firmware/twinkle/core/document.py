"""Twin documents: merging, comparing and checking JSON values.

The rules are those of JSON merge patch (RFC 7396) as the hub applies them:
``None`` deletes, objects merge member by member, all else replaces, arrays are
never merged. Members that begin with ``$`` are the hub's own and no data.
"""

import json

from .errors import BadRequest

MAX_DEPTH = 10  # nested objects below a section, as the hub limits them
DEEPEST = 40  # of anything: what was read must also be written, by recursion, on a small stack


def decode(payload):
    """A JSON payload (bytes; None: it was too large to take) to its value, or BadRequest.

    What it answers can be written as JSON again: names are texts, numbers are finite
    (RFC 8259, sections 4 and 6; neither parser is so strict), nesting is within DEEPEST.
    """
    if payload is None:
        raise BadRequest("it is too large for this device", 413)
    try:
        value = json.loads(payload)
        # MicroPython takes a document that ends too early for a whole one.
        if isinstance(value, (dict, list)):
            end = len(payload) - 1
            while payload[end] in b" \t\r\n":
                end -= 1
            if payload[end] != (ord("}") if isinstance(value, dict) else ord("]")):
                raise ValueError
        _descend(value, DEEPEST)
    except (ValueError, RuntimeError):
        # RuntimeError: nested so deeply that the parser gave up.
        raise BadRequest("it is not JSON") from None
    except MemoryError:
        raise BadRequest("there is no memory for it on this device", 413) from None
    return value


def merge(target, patch):
    """Apply ``patch`` to the dict ``target``.

    ``target`` itself changes; objects inside it are replaced, never changed, so that
    whoever was given one before may keep it.
    """
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            before = target.get(key)
            target[key] = dict(before) if isinstance(before, dict) else {}
            merge(target[key], value)
        else:
            target[key] = value


def combine(first, second):
    """One patch, in place of ``first``, that does what first and then second would do.

    Unlike merge() it keeps deletions, because the document they act on is elsewhere.
    """
    for key, value in second.items():
        if isinstance(value, dict) and isinstance(first.get(key), dict):
            combine(first[key], value)
        else:
            first[key] = value


def difference(old, new):
    """The patch that turns document ``old`` into ``new``; empty when they are equal."""
    patch = {key: None for key in old if key not in new and not key.startswith("$")}
    for key, value in new.items():
        if key.startswith("$"):
            continue
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif key not in old or before != value or isinstance(before, bool) != isinstance(value, bool):
            patch[key] = value
    return patch


def missing(wanted, actual):
    """The members of ``wanted`` that ``actual`` lacks or holds otherwise, as a patch.

    A wanted None is missing only where the member still exists.
    """
    return {key: value for key, value in wanted.items() if actual.get(key) != value}


def find(document, path):
    """The value at a dotted path, with whether it is there: ``(value, found)``."""
    value = document
    for key in path.split(".") if path else ():
        if not isinstance(value, dict) or key not in value:
            return None, False
        value = value[key]
    return value, True


def check(section, above=0):
    """The ``section`` itself, if it is an object within MAX_DEPTH, else BadRequest.

    ``above`` is how many levels it wraps the section in: one for a whole twin.
    """
    if not isinstance(section, dict):
        raise BadRequest("it is not a JSON object")
    _descend(section, MAX_DEPTH + 1 + above)
    return section


def _descend(value, depth):
    if isinstance(value, (dict, list)):
        if depth == 0:
            raise BadRequest("it is nested too deep, twins deeper than %d levels" % MAX_DEPTH)
        named = isinstance(value, dict)
        if named and not all([isinstance(name, str) for name in value]):
            raise ValueError
        for inner in value.values() if named else value:
            _descend(inner, depth - 1)
    elif isinstance(value, float) and value - value != 0:
        raise BadRequest("it holds a number that is not finite")


def wrap(component, members):
    """``members`` as they stand in a twin: a component's under its name, with the marker.

    IoT Plug and Play conventions, "Device twins".
    """
    if component is None:
        return members
    marked = {"__t": "c"}
    marked.update(members)
    return {component: marked}
