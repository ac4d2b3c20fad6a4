"""A line that can be made bad: a TCP proxy between a device and its hub, for what TLS hides from both.

    with FaultProxy(hub_port) as line:
        line.delay = 0.3          # seconds, for every piece
        line.dribble = True       # a byte at a time
        line.stalled = True       # half-open: nothing passes, nobody is told
        line.refuses = True       # connections are accepted and closed
        line.cut_after = 1000     # bytes, then everything is aborted
        line.cut()                # now

What is set applies at once, to connections that exist as well.
"""

import asyncio
import contextlib
import threading

PIECE = 4096  # bytes
TICK_S = 0.02


class FaultProxy:
    """Listens at ``port`` on loopback and passes on to ``target``, another port there."""

    def __init__(self, target: int):
        self.delay = 0.0
        self.dribble = self.stalled = self.refuses = False
        self.cut_after: int | None = None
        self.passed = 0  # bytes
        self._target = target
        self._lines: set[asyncio.Transport] = set()

    def __enter__(self) -> "FaultProxy":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def cut(self) -> None:
        """Abort every connection."""
        self._loop.call_soon_threadsafe(self._abort)

    def heal(self) -> None:
        """A good line again."""
        self.delay, self.dribble, self.stalled, self.refuses, self.cut_after = 0.0, False, False, False, None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._end.wait()
        server.close()
        self._abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.close()
            return
        try:
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer.transport, hub_writer.transport}
        self._lines |= ends
        await asyncio.gather(self._carry(reader, hub_writer), self._carry(hub_reader, writer))
        self._lines -= ends

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # one end has gone; the other is told by the closing below
            while data := await reader.read(1 if self.dribble else PIECE):
                if self.delay:
                    await asyncio.sleep(self.delay)
                while self.stalled:
                    await asyncio.sleep(TICK_S)
                self._count(len(data))
                writer.write(data)
                await writer.drain()
        writer.close()

    def _count(self, size: int) -> None:
        self.passed += size
        if self.cut_after is not None:
            self.cut_after -= size
            if self.cut_after <= 0:
                self.cut_after = None
                self._abort()

    def _abort(self) -> None:
        for transport in list(self._lines):
            transport.abort()
