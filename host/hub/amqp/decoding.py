"""Bytes to values (1.6). What comes from a peer is bounded: in depth, and to no more elements than bytes."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from .errors import malformed
from .types import DECIMALS, FULL, UUID, Array, Decimal, Described, Int, Symbol, UInt, ULong

MAX_DEPTH = 32  # values within values

_LENGTH = struct.Struct(">I")
_FIXED: dict[int, tuple[struct.Struct, type]] = {code: (form, kind) for kind, (code, form) in FULL.items()}
_FIXED |= {
    0x52: (struct.Struct(">B"), UInt),
    0x53: (struct.Struct(">B"), ULong),
    0x54: (struct.Struct(">b"), Int),
    0x55: (struct.Struct(">b"), int),
}
_EMPTY: dict[int, Callable[[], Any]] = {
    0x40: lambda: None,
    0x41: lambda: True,
    0x42: lambda: False,
    0x43: lambda: UInt(0),
    0x44: lambda: ULong(0),
    0x45: list,
}
_WIDE = {UUID: 16, **{code: size for size, code in DECIMALS.items()}}


def decode(data: bytes, at: int = 0, depth: int = 0) -> tuple[Any, int]:
    """The value at ``at`` and where the next begins. ConnectionBroken (amqp:decode-error) for anything else."""
    if depth > MAX_DEPTH:
        raise malformed(f"1.3: values nested deeper than {MAX_DEPTH}")
    code, at = _take(data, at)
    if code == 0:
        descriptor, at = decode(data, at, depth + 1)
        value, at = decode(data, at, depth + 1)
        return Described(descriptor, value), at
    return _body(data, at, code, depth)


def _take(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise malformed("1.3: a value ends before its type does")
    return data[at], at + 1


def _span(data: bytes, at: int, size: int) -> int:
    if size > len(data) - at:
        raise malformed("1.3: a value ends before its size does")
    return at + size


def _body(data: bytes, at: int, code: int, depth: int) -> tuple[Any, int]:
    if code in _FIXED:
        form, kind = _FIXED[code]
        end = _span(data, at, form.size)
        return kind(form.unpack_from(data, at)[0]), end
    if code in _EMPTY:
        return _EMPTY[code](), at
    group, what = code >> 4, code & 0x0F
    if group in (0xA, 0xB) and what in (0, 1, 3):
        return _variable(data, at, group == 0xA, what)
    if group in (0xC, 0xD) and what in (0, 1):
        return _compound(data, at, group == 0xC, what, depth)
    if code in (0xE0, 0xF0):
        return _elements(data, at, code == 0xE0, depth)
    if code == 0x56:
        value, at = _take(data, at)
        if value > 1:
            raise malformed("1.6.2: a boolean is neither true nor false")
        return bool(value), at
    if code in _WIDE:
        end = _span(data, at, _WIDE[code])
        raw = data[at:end]
        return uuid.UUID(bytes=bytes(raw)) if code == UUID else Decimal(raw), end
    raise malformed(f"1.6: there is no type {code:#04x}")


def _size(data: bytes, at: int, small: bool) -> tuple[int, int]:
    if small:
        return _take(data, at)
    end = _span(data, at, 4)
    return _LENGTH.unpack_from(data, at)[0], end


def _variable(data: bytes, at: int, small: bool, what: int) -> tuple[Any, int]:
    size, at = _size(data, at, small)
    end = _span(data, at, size)
    raw = bytes(data[at:end])
    if what == 0:
        return raw, end
    try:
        return (raw.decode("utf-8"), end) if what == 1 else (Symbol(raw.decode("ascii")), end)
    except UnicodeDecodeError:
        raise malformed("1.6.20: a text is not UTF-8, or a symbol not ASCII") from None


def _within(data: bytes, at: int, small: bool) -> tuple[int, int, int]:
    size, at = _size(data, at, small)
    end = _span(data, at, size)
    count, at = _size(data, at, small)
    if count > end - at:
        raise malformed("1.6.22: more elements than bytes")
    return count, at, end


def _compound(data: bytes, at: int, small: bool, what: int, depth: int) -> tuple[Any, int]:
    count, at, end = _within(data, at, small)
    values = []
    for _ in range(count):
        value, at = decode(data, at, depth + 1)
        values.append(value)
    if at != end:
        raise malformed("1.6.22: a list or map is not as long as it says")
    if what == 0:
        return values, end
    if count % 2:
        raise malformed("1.6.23: a map has a key without a value")
    try:
        return dict(zip(values[::2], values[1::2], strict=True)), end
    except TypeError:
        raise malformed("1.6.23: a map's key is a list, a map or a described value") from None


def _elements(data: bytes, at: int, small: bool, depth: int) -> tuple[Any, int]:
    count, at, end = _within(data, at, small)
    code, at = _take(data, at)
    # A few bytes could ask for any number of elements that take none.
    if code == 0 or code in _EMPTY or depth > MAX_DEPTH:
        raise malformed(
            "1.6.24: arrays of described values, of values without bytes or too deep are not taken"
        )
    values = []
    for _ in range(count):
        value, at = _body(data, at, code, depth + 1)
        values.append(value)
    if at != end:
        raise malformed("1.6.24: an array is not as long as it says")
    return Array(values, code), end
