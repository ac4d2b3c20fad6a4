"""What a twin may hold.

IoT Hub developer guide, "Understand and use device twins": format of keys and
values, nesting, and how size is counted. Where the documents are silent the
comment says what this hub does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import HubError

MAX_TAGS = 8 * 1024
MAX_SECTION = 32 * 1024  # desired and reported each; $metadata and $version are not counted
MAX_KEY = 1024  # bytes of UTF-8
MAX_STRING = 4096  # bytes of UTF-8
MAX_DEPTH = 10  # nested objects under tags, desired or reported
ARRAYS_SINCE = "2019-10-01"  # the first api-version with arrays in twins
MIN_INTEGER = -(2**52)
MAX_INTEGER = 2**52 - 1

NUMBER_SIZE = 8
BOOLEAN_SIZE = 4

# C0 (0x00-0x1F), DEL and C1 (0x80-0x9F): illegal in keys, not counted in strings.
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
_CONTROL_TABLE = {ord(character): None for character in _CONTROLS}
_ILLEGAL_IN_KEYS = _CONTROLS | {".", "$", " "}


def invalid(message: str) -> HubError:
    """400004, the code of every shape rule."""
    return HubError("ArgumentInvalid", message)


def check_members(
    members: dict[str, Any], path: str, arrays: bool = True, depth: int = 0, nulls: bool = True
) -> None:
    """Check keys, values and nesting of a document or patch; a null member is a deletion and fine.

    ``path`` names the object in messages, ``arrays`` is False for callers whose
    api-version knows none, ``depth`` counts the objects around it. ``nulls`` is False
    inside an array: it is replaced as a whole, so there is nothing to delete.
    """
    for key, value in members.items():
        _check_key(key, path)
        if value is not None:
            _check_value(value, f"{path}.{key}", arrays, depth, nulls)
        elif not nulls:
            raise _null_in_array(f"{path}.{key}")


def _null_in_array(path: str) -> HubError:
    return invalid(
        f"The value of '{_short(path)}' cannot be null: it stands in an array; leave it out, or use another value."
    )


def _check_value(value: Any, path: str, arrays: bool, depth: int, nulls: bool) -> None:
    if isinstance(value, str):
        if _utf8_size(value, path) > MAX_STRING:
            raise invalid(
                f"The value of '{_short(path)}' is longer than {MAX_STRING} bytes; shorten or split it."
            )
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise invalid(
                f"The integer at '{_short(path)}' is outside [{MIN_INTEGER}; {MAX_INTEGER}]; send it as a string."
            )
    elif isinstance(value, float):
        if value - value != 0:
            raise invalid(f"The number at '{_short(path)}' is not finite; JSON has no NaN or Infinity.")
    elif isinstance(value, dict):
        _check_depth(depth, path)
        check_members(value, path, arrays, depth + 1, nulls)
    elif isinstance(value, list):
        _check_array(value, path, arrays, depth)
    else:
        raise invalid(f"The value of '{_short(path)}' is not a JSON value.")


def _check_array(items: list[Any], path: str, arrays: bool, depth: int) -> None:
    if not arrays:
        raise invalid(
            f"The value of '{_short(path)}' is an array; arrays are not supported by the api-version in use. "
            f"Use api-version {ARRAYS_SINCE} or later."
        )
    for item in items:
        if item is None:
            raise _null_in_array(path)
        if isinstance(item, list):
            _check_depth(depth, path)  # an array in an array counts as a level, so nesting has an end
            _check_array(item, path, arrays, depth + 1)
        else:
            _check_value(item, path, arrays, depth, False)


def _check_depth(depth: int, path: str) -> None:
    if depth >= MAX_DEPTH:
        raise invalid(f"'{_short(path)}' is nested deeper than {MAX_DEPTH} levels; flatten the document.")


def _check_key(key: Any, path: str) -> None:
    if not isinstance(key, str):
        raise invalid(f"'{_short(path)}' has a key that is no text.")
    if _utf8_size(key, path) > MAX_KEY:
        raise invalid(f"'{_short(path)}' has a key longer than {MAX_KEY} bytes; shorten it.")
    if not _ILLEGAL_IN_KEYS.isdisjoint(key):
        raise invalid(
            f"The key {key[:64]!r} in '{_short(path)}' holds a character that keys may not: "
            "control characters, '.', '$' and space."
        )


def _utf8_size(text: str, path: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise invalid(f"'{_short(path)}' holds half of a surrogate pair, which is not text.") from None


def _short(path: str) -> str:
    return path if len(path) <= 128 else path[:128] + "…"


def size_of(value: Any) -> int:
    """Size by the documented arithmetic: key length + value length over all members.

    A string counts its UTF-8 bytes without control characters, a number 8, a
    boolean 4, an object the sum of its members. Arrays are not documented: the
    sum of the elements.
    """
    if isinstance(value, str):
        return _text_size(value)
    if isinstance(value, bool):
        return BOOLEAN_SIZE
    if isinstance(value, int | float):
        return NUMBER_SIZE
    if isinstance(value, dict):
        return sum(_text_size(key) + size_of(member) for key, member in value.items())
    if isinstance(value, list):
        return sum(map(size_of, value))
    return 0


def _text_size(text: str) -> int:
    if text.isascii() and text.isprintable():
        return len(text)
    return len(text.translate(_CONTROL_TABLE).encode("utf-8"))


def sizes_of(
    values: dict[str, Any], before: Mapping[str, int] | None = None, touched: Iterable[str] | None = None
) -> dict[str, int]:
    """The size of each member, its key included; of those not ``touched`` it is what it was ``before``."""
    sizes = dict(before or {})
    for key in values if touched is None else touched:
        if key in values:
            sizes[key] = _text_size(key) + size_of(values[key])
        else:
            sizes.pop(key, None)
    return sizes


def check_size(sizes: Mapping[str, int], limit: int, name: str) -> None:
    """403100 when a whole section, as it would be after the write, is above its limit (bytes)."""
    size = sum(sizes.values())
    if size > limit:
        raise HubError(
            "DeviceModelMaxPropertiesExceeded",
            f"'{name}' size should be less than {limit} bytes. It would be {size}; "
            "remove members first (set them to null).",
        )
