"""The types of AMQP (1.6).

Python's own types stand for null, boolean, long, double, uuid, binary, string, list and map;
the classes below for the others, so that a value goes back in the type in which it came.
"""

import struct
from typing import Any


class UByte(int):
    """1.6.3."""


class UShort(int):
    """1.6.4."""


class UInt(int):
    """1.6.5."""


class ULong(int):
    """1.6.6."""


class Byte(int):
    """1.6.7."""


class Short(int):
    """1.6.8."""


class Int(int):
    """1.6.9."""


class Float(float):
    """1.6.11."""


class Decimal(bytes):
    """1.6.13 to 1.6.15: 4, 8 or 16 bytes that nothing here looks into."""


class Char(int):
    """1.6.16: a code point."""


class Timestamp(int):
    """1.6.17: milliseconds since 1970."""


class Symbol(str):
    """1.6.21."""

    __slots__ = ()


class Array(list):
    """1.6.24: ``code`` is the constructor that its elements share."""

    def __init__(self, elements: Any, code: int):
        super().__init__(elements)
        self.code = code

    @classmethod
    def of_strings(cls, texts: list[str]) -> "Array":
        """An array of strings."""
        return cls(texts, 0xB1)

    @classmethod
    def of_symbols(cls, texts: list[str]) -> "Array":
        """An array of symbols."""
        return cls([Symbol(text) for text in texts], 0xB3)


class Described:
    """1.3.2: a value with what it means, a symbol or a number."""

    __slots__ = ("descriptor", "value")

    def __init__(self, descriptor: Any, value: Any):
        self.descriptor = descriptor
        self.value = value

    def __repr__(self) -> str:
        return f"<{self.descriptor!r} {self.value!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Described) and vars_of(self) == vars_of(other)

    __hash__ = None  # type: ignore[assignment]


def vars_of(described: Described) -> tuple[Any, Any]:
    """What makes two described values equal."""
    return described.descriptor, described.value


# type -> constructor and form of its full width.
FULL: dict[type, tuple[int, struct.Struct]] = {
    UByte: (0x50, struct.Struct(">B")),
    Byte: (0x51, struct.Struct(">b")),
    UShort: (0x60, struct.Struct(">H")),
    Short: (0x61, struct.Struct(">h")),
    UInt: (0x70, struct.Struct(">I")),
    Int: (0x71, struct.Struct(">i")),
    Float: (0x72, struct.Struct(">f")),
    Char: (0x73, struct.Struct(">I")),
    ULong: (0x80, struct.Struct(">Q")),
    int: (0x81, struct.Struct(">q")),
    float: (0x82, struct.Struct(">d")),
    Timestamp: (0x83, struct.Struct(">q")),
}
DECIMALS = {4: 0x74, 8: 0x84, 16: 0x94}
UUID = 0x98
