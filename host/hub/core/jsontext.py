"""JSON in and out, strictly: what RFC 8259 does not know is refused."""

import json
import marshal
from typing import Any

# Far above what twins may nest (10) and below any interpreter's own limit, so that
# what was read can also be copied and written on every Python version.
MAX_NESTING = 200


class NotJson(ValueError):
    """The text is not JSON; the message says where."""


def decode(payload: bytes | str) -> Any:
    """The value of a JSON text. NaN, Infinity and nesting beyond MAX_NESTING are NotJson."""
    try:
        text = payload.decode("utf-8") if isinstance(payload, bytes | bytearray) else payload
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotJson("nested too deep to be read") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if text.count("{") + text.count("[") > MAX_NESTING and _depth(value) > MAX_NESTING:
        raise NotJson(f"nested deeper than {MAX_NESTING} levels")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [
            item for holder in level for item in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return depth


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        # It would be written again as Infinity, which is not JSON.
        raise NotJson(f"the number {text[:32]} is too large")
    return value


def _refuse_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON. ValueError for NaN, half a surrogate pair, nesting or types JSON has not."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def copy(value: Any) -> Any:
    """An independent copy of a JSON value."""
    # Answers are copies of whole twins; there and back through marshal is the quickest way to one.
    return marshal.loads(marshal.dumps(value)) if isinstance(value, dict | list) else value
