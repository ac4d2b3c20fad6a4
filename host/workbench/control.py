"""The socket on which a board's bench is looked at and worked: JSON, a line each way.

``{"do": "watch"}`` is answered with what is seen, and again at each change: ``{"seen": {…}}``, ``{"log": [line, …]}``,
``{"console": text}``. ``{"do": "power" | "network", "on": …}``, ``{"do": "sensor", "temperature": …, "humidity": …,
"fault": …}`` and ``{"do": "day"}``, both with ``name`` for a sensor that has one, ``{"do": "press", "name": …,
"active": …}`` and ``{"do": "type", "text": …}`` are answered with ``{"done": n}``, the number of this deed, or
``{"error": text}``; ``deeds`` of what is seen is the number of the last one that is in it. While nobody watches,
nothing is looked at.
"""

import asyncio
import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .bench import Bench, Refused
from .cable import Cable

NAME = "bench"  # the socket's, in the device's directory
LOOK_S = 0.05
LONGEST = 64 * 1024  # bytes of a line that is asked
AT_ONCE = 40  # lines of the log that are told at once; of the console, pieces that wait for one who watches
MEMBERS = {
    "power": {"on": bool},
    "network": {"on": bool},
    "press": {"name": str, "active": bool},
    "type": {"text": str},
}


class Control:
    """Serves one bench from a thread of its own. ``console``: the path of the device's socket."""

    def __init__(self, bench: Bench, folder: Path, console: Path, hub_port: int | None):
        self._bench = bench
        self._folder = folder
        self._console_path = console
        self._hub_port = hub_port
        self._cable: Cable | None = None
        self._console: asyncio.StreamWriter | None = None
        self._spoken: list[Spoken] = []
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    def start(self) -> None:
        """Listen; OSError when that cannot be. The device's line is led through the cable then, if there is one."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """No more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    async def _live(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            with by_its_folder(self._folder / NAME) as path:
                Path(path).unlink(missing_ok=True)
                server = await asyncio.start_unix_server(self._serve, path, limit=LONGEST)
                os.chmod(path, 0o600)
            if self._hub_port is not None:
                self._cable = Cable(self._hub_port)
                await self._cable.start()
                self._bench.lead_through(self._cable.port, self._hub_port)
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._end.wait()
        server.close()
        if self._cable:
            self._bench.lead_directly()
            self._cable.stop()
        (self._folder / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever asked has gone, or does not speak this; or the bench is cleared.
        with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):
            while line := await reader.readline():
                asked = json.loads(line)
                if not isinstance(asked, dict):
                    raise ValueError
                if asked.get("do") == "watch":
                    await self._watch(writer)
                    break
                await _tell(writer, await self._answer(asked))
        writer.close()

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        what = asked.pop("do", None)
        try:
            for name, kind in MEMBERS.get(what, {}).items():
                if not isinstance(asked.get(name), kind):
                    raise Refused(f"{what} needs {name}")
            if what == "type":
                await self._type(asked["text"])
            elif what in ("power", "network", "sensor", "day", "press"):
                getattr(self._bench, what)(**asked)
                if self._cable:
                    self._cable.plug(self._bench.connected)
            else:
                raise Refused(f"a bench has no {what!r}")
        except (Refused, TypeError) as refused:
            return {"error": str(refused)}
        self._bench.deeds += 1
        return {"done": self._bench.deeds}

    # --- watching

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        spoken = Spoken()
        self._spoken.append(spoken)
        before, number = None, 0
        try:
            while not self._end.is_set() and not writer.is_closing():
                seen = self._bench.seen()
                if seen != before:
                    before = seen
                    await _tell(writer, {"seen": seen})
                news = [line for line in tuple(self._bench.log) if line[0] > number]
                for at in range(0, len(news), AT_ONCE):
                    some = news[at : at + AT_ONCE]
                    number = some[-1][0]
                    await _tell(writer, {"log": [text for _, text in some]})
                for text in spoken.taken():
                    await _tell(writer, {"console": text})
                await asyncio.sleep(LOOK_S)
        finally:
            self._spoken.remove(spoken)
            if not self._spoken:
                self._hang_up()

    # --- the console

    async def _type(self, text: str) -> None:
        if self._console is None:
            try:
                with by_its_folder(self._console_path) as path:
                    reader, self._console = await asyncio.open_unix_connection(path)
            except OSError as error:
                raise Refused(f"there is no console now ({error.strerror}); does the device run?") from None
            self._listening = asyncio.ensure_future(self._listen(reader))
        with contextlib.suppress(OSError):
            self._console.write(text.encode())
            await self._console.drain()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                for spoken in self._spoken:
                    spoken.add(data.decode(errors="replace"))
        self._hang_up()

    def _hang_up(self) -> None:
        console, self._console = self._console, None
        if console is not None:
            console.close()


class Spoken:
    """What the console has said, until one who watches has it: the newest pieces, and how many are gone."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque(maxlen=AT_ONCE)
        self._gone = 0

    def add(self, text: str) -> None:
        """Keep a piece; the oldest goes where there is no room."""
        self._gone += len(self._pieces) == AT_ONCE
        self._pieces.append(text)

    def taken(self) -> list[str]:
        """What there is, which is not kept then."""
        gone, self._gone = self._gone, 0
        found = [f"\n[{gone} pieces came too fast to be shown]\n"] if gone else []
        found += self._pieces
        self._pieces.clear()
        return found


async def _tell(writer: asyncio.StreamWriter, value: Any) -> None:
    writer.write(json.dumps(value).encode() + b"\n")
    await writer.drain()


@contextlib.contextmanager
def by_its_folder(path: Path) -> Iterator[str]:
    """A short name of a socket, for as long as this lasts: of a path, 107 bytes can be bound or dialled (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
