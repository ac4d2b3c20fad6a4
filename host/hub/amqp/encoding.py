"""Values to bytes (1.6)."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from .types import DECIMALS, FULL, UUID, Array, Decimal, Described, Int, Symbol, UInt, ULong

SMALL_UNSIGNED = {UInt: (b"\x43", 0x52), ULong: (b"\x44", 0x53)}
SMALL_SIGNED = {Int: 0x54, int: 0x55}
_LENGTH = struct.Struct(">I")
_LENGTHS = struct.Struct(">II")


def encode(value: Any) -> bytes:
    """The bytes of a value. TypeError for a type that AMQP has not, struct.error beyond a type's range."""
    return _ENCODERS[type(value)](value)


def _unsigned(kind: type) -> Callable[[Any], bytes]:
    zero, small = SMALL_UNSIGNED[kind]
    code, form = FULL[kind]

    def encoder(value: int) -> bytes:
        if value == 0:
            return zero
        return bytes((small, value)) if 0 < value < 256 else bytes((code,)) + form.pack(value)

    return encoder


def _signed(kind: type) -> Callable[[Any], bytes]:
    small, (code, form) = SMALL_SIGNED[kind], FULL[kind]

    def encoder(value: int) -> bytes:
        if -128 <= value < 128:
            return bytes((small, value & 0xFF))
        return bytes((code,)) + form.pack(value)

    return encoder


def _full(kind: type) -> Callable[[Any], bytes]:
    code, form = FULL[kind]
    return lambda value: bytes((code,)) + form.pack(value)


def _binary(value: bytes, small: int = 0xA0) -> bytes:
    size = len(value)
    if size < 256:
        return bytes((small, size)) + value
    return bytes((small + 0x10,)) + _LENGTH.pack(size) + value


def compound(small: int, count: int, body: bytes) -> bytes:
    """A list (``small`` 0xC0) or map (0xC1) of ``count`` elements whose bytes are ``body``."""
    size = len(body)
    if size < 255 and count < 256:
        return bytes((small, size + 1, count)) + body
    return bytes((small + 0x10,)) + _LENGTHS.pack(size + 4, count) + body


def _list(value: list) -> bytes:
    return compound(0xC0, len(value), b"".join(map(encode, value))) if value else b"\x45"


def _map(value: dict) -> bytes:
    return compound(0xC1, 2 * len(value), b"".join(encode(key) + encode(item) for key, item in value.items()))


def _array(value: Array) -> bytes:
    code, body = value.code, bytearray()
    for element in value:
        if code in (0xB0, 0xB1, 0xB3):
            text = element.encode() if isinstance(element, str) else element
            body += _LENGTH.pack(len(text)) + text
        else:
            body += encode_fixed(element, code)
    return b"\xf0" + _LENGTHS.pack(len(body) + 5, len(value)) + bytes((code,)) + bytes(body)


def encode_fixed(element: Any, code: int) -> bytes:
    """An array's element of full width; TypeError for one that is none of the constructor's."""
    for known, form in FULL.values():
        if known == code:
            return form.pack(element)
    raise TypeError(f"arrays of constructor {code:#04x} are not encoded")


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    **{kind: _full(kind) for kind in FULL},
    **{kind: _unsigned(kind) for kind in SMALL_UNSIGNED},
    **{kind: _signed(kind) for kind in SMALL_SIGNED},
    Decimal: lambda value: bytes((DECIMALS[len(value)],)) + value,
    uuid.UUID: lambda value: bytes((UUID,)) + value.bytes,
    bytes: _binary,
    str: lambda value: _binary(value.encode(), 0xA1),
    Symbol: lambda value: _binary(value.encode("ascii"), 0xA3),
    list: _list,
    tuple: _list,
    dict: _map,
    Array: _array,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
}
