"""A line that is bad: a TCP proxy in front of the hub, for what TLS hides from both ends.

What happens to the bytes is asked of ``faults`` as they pass, so it may change at any
time and applies to connections that exist as well; the faults are those of the module
``faults`` that concern the line.
"""

import asyncio
import contextlib
from typing import Any, Protocol

PIECE = 4096  # bytes


class LineFaults(Protocol):
    """Who says what is wrong with the line."""

    def value(self, fault: str, device: str) -> Any:
        """What the fault is to do now, or None; the device is not known here."""


class BadLine:
    """Listens, and passes on to another port of this computer. ``passed`` counts bytes."""

    def __init__(self, faults: LineFaults):
        self.passed = 0
        self._faults = faults
        self._ends: set[asyncio.WriteTransport] = set()
        self._server: asyncio.Server | None = None
        self._target = 0

    async def start(self, bind: str, port: int, target: int) -> int:
        """Listen; answers the port (``port`` 0 takes any free one). OSError when it cannot."""
        self._target = target
        self._server = await asyncio.start_server(self._connect, bind, port, backlog=1024)
        return self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._server:
            self._server.close()
        self.abort()

    def abort(self) -> None:
        """Abort every connection."""
        for end in list(self._ends):
            end.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._faults.value("hang-up", ""):
            writer.close()
            return
        try:
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line({writer.transport, hub_writer.transport}, self._faults.value("cut", ""))
        self._ends |= line.ends
        await asyncio.gather(self._carry(line, reader, hub_writer), self._carry(line, hub_reader, writer))
        self._ends -= line.ends

    async def _carry(self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults = self._faults
        with contextlib.suppress(OSError):  # one end has gone; the other is told by the closing below
            while data := await reader.read(1 if faults.value("dribble", "") else PIECE):
                if (seconds := faults.value("delay", "")) is not None:
                    await asyncio.sleep(seconds)
                while (seconds := faults.value("half-open", "")) is not None:
                    await asyncio.sleep(seconds)
                self._count(len(data))
                line.count(len(data))
                writer.write(data)
                await writer.drain()
        writer.close()

    def _count(self, size: int) -> None:
        self.passed += size


class _Line:
    """The two ends of one connection. ``left``: bytes until it is cut, None for never."""

    def __init__(self, ends: set[asyncio.WriteTransport], left: int | None):
        self.ends = ends
        self._left = left

    def count(self, size: int) -> None:
        if self._left is not None:
            self._left -= size
            if self._left <= 0:
                for end in self.ends:
                    end.abort()
