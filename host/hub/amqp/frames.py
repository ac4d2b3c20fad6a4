"""Frames (2.3): a stream of bytes cut into protocol headers and performatives, and back."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from .decoding import decode
from .errors import FRAMING_ERROR, ConnectionBroken, NotAmqp, malformed
from .performatives import PERFORMATIVES, SASL, Form
from .types import Described, ULong

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"  # 2.2
SASL_HEADER = b"AMQP\x03\x01\x00\x00"  # 5.3.1
HEADER_SIZE = 8
MAX_FRAME = 64 * 1024  # what the hub takes and makes
MIN_FRAME = 512  # 2.3.1: what everybody takes
MAX_FIRST_FRAME = 4 * 1024  # before it is known who speaks

AMQP_FRAMES, SASL_FRAMES = 0, 1

_HEAD = struct.Struct(">IBBH")


@dataclass(frozen=True)
class Frame:
    """One frame of a channel; ``body`` is its performative, None in an empty frame (2.4.5)."""

    channel: int
    body: SimpleNamespace | None
    payload: bytes = b""


class Decoder:
    """Takes bytes as they come and gives protocol headers (as bytes) and frames.

    ``expect``: None for a header, else the type of frames that may come; whoever reads
    changes it between two items. ``limit``: bytes of a frame.
    """

    def __init__(self) -> None:
        self.expect: int | None = None
        self.limit = MAX_FIRST_FRAME
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes | Frame]:
        """What ``data`` completes. NotAmqp or ConnectionBroken for what is none."""
        self._buffer += data
        while (item := self._header() if self.expect is None else self._frame()) is not None:
            yield item

    def _header(self) -> bytes | None:
        start = bytes(self._buffer[:HEADER_SIZE])
        if not b"AMQP".startswith(start[:4]):
            raise NotAmqp("it does not begin as AMQP does")
        if len(start) < HEADER_SIZE:
            return None
        del self._buffer[:HEADER_SIZE]
        return start

    def _frame(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < HEADER_SIZE:
            return None
        size, offset, kind, channel = _HEAD.unpack_from(buffer)
        if not HEADER_SIZE <= size <= self.limit or not 8 <= offset * 4 <= size:
            text = f"2.3.1: a frame of {size} bytes with a header of {offset * 4}; at most {self.limit} are taken"
            raise ConnectionBroken(FRAMING_ERROR, text)
        if kind != self.expect:
            raise ConnectionBroken(FRAMING_ERROR, f"2.3.1: a frame of type {kind} has no place here")
        if len(buffer) < size:
            return None
        body = bytes(buffer[offset * 4 : size])
        del buffer[:size]
        if not body:
            return Frame(channel, None)
        value, at = decode(body)
        forms = SASL if kind == SASL_FRAMES else PERFORMATIVES
        return Frame(channel, _read(value, forms), body[at:])


def _read(value: Any, forms: dict[int, Form]) -> SimpleNamespace:
    if isinstance(value, Described) and isinstance(value.descriptor, ULong):
        form = forms.get(value.descriptor)
    elif isinstance(value, Described) and isinstance(value.descriptor, str):
        form = next((form for form in forms.values() if value.descriptor == f"amqp:{form.name}:list"), None)
    else:
        form = None
    if form is None:
        raise malformed("2.3.2: a frame's body is no performative that a client may send")
    return form.read(value.value)


def frame(channel: int, performative: bytes, payload: bytes = b"", kind: int = AMQP_FRAMES) -> bytes:
    """One frame of encoded bytes."""
    size = HEADER_SIZE + len(performative) + len(payload)
    return _HEAD.pack(size, 2, kind, channel) + performative + payload


EMPTY = frame(0, b"")
