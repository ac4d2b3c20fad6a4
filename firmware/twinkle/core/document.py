"""JSON documents: read and written, merged and compared, and what a twin may not hold.

The rules of merging are those of JSON merge patch (RFC 7396) as the hub applies them:
``None`` deletes, objects merge member by member, all else replaces, arrays are
never merged. Members that begin with ``$`` are the hub's own and no data.
"""

import json
import re

from .errors import BadRequest

DEEPEST = 40  # of anything: what was read must also be written, by recursion, on a small stack
# "Understand and use device twins": levels of nesting below a section, and bytes of UTF-8.
MAX_DEPTH = 10
LONGEST_NAME = 1024
LONGEST_TEXT = 4096
# Controls are C0, delete and C1.
NO_NAME = re.compile(b"[^-!-#%-,/-~\x80-\xff]|\xc2[\x80-\x9f]")
# MicroPython takes it for UTF-8 and RFC 3629 does not: more bytes than are needed, halves of surrogate
# pairs, and numbers that no character has.
NO_UTF8 = re.compile(b"[\xc0\xc1\xf5-\xff]|\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]")
SHOWN = 40  # characters of a name where something is said of it


def encode(value):
    """The JSON of ``value`` as UTF-8; BadRequest says in a few words what cannot be written, and where.

    JSON has objects (dicts, their names texts), arrays (lists), texts of whole characters, finite numbers,
    booleans and null; numbers here have 64 bits. Of all else the two interpreters make different things:
    MicroPython writes ``nan`` and a set's braces, and a tuple comes back as a list.
    """
    _refuse(value, DEEPEST)
    return json.dumps(value).encode()


def refused(name, value):
    """Why the hub would refuse a report of ``value`` under ``name``, in a few words, or None.

    These are encode()'s rules and those of twins, each member by itself; the size of the whole is the
    caller's to keep. A value of None, here or in an object outside arrays, deletes and is fine.
    """
    fault = _fault({name: value}, MAX_DEPTH + 1, True)
    return fault and "reported" + fault


def decode(payload):
    """A JSON payload (bytes; None: it was too large to take) to its value, or BadRequest.

    What it answers can be written again by encode(); neither parser is so strict. A character
    that is written as the escapes of a surrogate pair (RFC 8259, section 7) is one character.
    """
    if payload is None:
        raise BadRequest("it is too large for this device", 413)
    try:
        if b"\\ud" in payload or b"\\uD" in payload:
            pair = b"\\\\u([dD][89abAB]..)\\\\u([dD][c-fC-F]..)"
            payload = re.sub(pair, _join, bytes(payload))
        value = json.loads(payload)
        # MicroPython takes a document that ends too early for a whole one.
        if isinstance(value, (dict, list)):
            end = len(payload) - 1
            while payload[end] in b" \t\r\n":
                end -= 1
            if payload[end] != (ord("}") if isinstance(value, dict) else ord("]")):
                raise ValueError
        _refuse(value, DEEPEST)
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
    """Make of the patch ``first`` one that does what first and then ``second`` would do; answers it.

    Unlike merge() it keeps deletions, because the document they act on is elsewhere. Objects are
    copied: whoever reported one may go on changing it.
    """
    for key, value in second.items():
        if isinstance(value, dict):
            before = first.get(key)
            value = combine(before if isinstance(before, dict) else {}, value)
        first[key] = value
    return first


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
    _refuse(section, MAX_DEPTH + 1 + above)
    return section


def _join(pair):
    # MicroPython's parser makes two characters of it, and neither is one.
    high, low = int(pair.group(1), 16), int(pair.group(2), 16)
    return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)).encode()


def _refuse(value, depth):
    fault = _fault(value, depth, False)
    if fault:
        raise BadRequest("value" + fault)


def _fault(value, depth, twin):
    # Where and what: ``['a'][2] is not finite``, or what alone, after a space. ``twin``: whether the twins'
    # rules count; 2 inside an array, where null has nothing to delete.
    if isinstance(value, str):
        return _text_fault(value, twin and LONGEST_TEXT)
    if isinstance(value, (dict, list)):
        if not depth:
            return " is nested too deep"
        named = isinstance(value, dict)
        for place, inner in value.items() if named else enumerate(value):
            fault = None
            if named:
                if not isinstance(place, str):
                    return " has a name that is not JSON"
                fault = _text_fault(place, twin and LONGEST_NAME)
            elif twin:
                twin = 2
            if twin == 2 and inner is None:
                fault = " is null"
            fault = fault or _fault(inner, depth - 1, twin)
            if fault:
                return "[%s]%s" % (repr(place)[:SHOWN], fault)
    elif isinstance(value, float):
        if value - value != 0:
            return " is not finite"
    elif not isinstance(value, (bool, int, type(None))):
        return " is of type %s" % type(value).__name__
    elif value and value >> (52 if twin else 64) not in (0, -1):
        return " is too large"
    return None


def _text_fault(text, longest):
    try:
        data = text.encode()
    except UnicodeError:
        data = b"\xff"
    if NO_UTF8.search(data):
        return " is not UTF-8"
    if longest and len(data) > longest:
        return " is over %d bytes" % longest
    if longest == LONGEST_NAME and NO_NAME.search(data):
        return " is no name: with space, control, . or $"
    return None


def wrap(component, members):
    """``members`` as they stand in a twin: a component's under its name, with the marker.

    IoT Plug and Play conventions, "Device twins".
    """
    if component is None:
        return members
    marked = {"__t": "c"}
    marked.update(members)
    return {component: marked}
