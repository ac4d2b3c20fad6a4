"""The boards on this computer, as the page sees and works them: what ``twinkle run`` serves, passed on."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from ...workbench.control import LONGEST, NAME, by_its_folder
from ...workbench.notes import find
from ..core import HubError
from ..rest.values import read_json
from . import stream

ANSWER_S = 30.0


class Boards:
    """Those that left a note in ``state``, the hub's directory. ``refused`` counts whom there was no room for."""

    def __init__(self, state: Path):
        self._state = state
        self._watching: set[asyncio.Task] = set()
        self.refused = 0

    def has(self, device_id: str) -> bool:
        """Whether the device's board is on this computer."""
        return find(self._state, device_id) is not None

    def routes(self) -> list[tuple[str, str, Any]]:
        """Method, path and handler."""
        return [("GET", "/api/boards/{id}/stream", self._watch), ("POST", "/api/boards/{id}", self._do)]

    def close(self) -> None:
        """End every stream."""
        for task in self._watching:
            task.cancel()

    async def _do(self, request: web.Request) -> web.Response:
        asked = await read_json(request)
        if not isinstance(asked, dict) or asked.get("do") == "watch":
            raise HubError("ArgumentInvalid", 'The body must be an object that says what to "do".')
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await self._reach(request)
                try:
                    writer.write(json.dumps(asked).encode() + b"\n")
                    answer = json.loads(await reader.readline() or b"{}")
                finally:
                    writer.close()
        except TimeoutError:
            raise HubError("GatewayTimeout", "The board's bench did not answer in time.") from None
        if "error" in answer:
            raise HubError("ArgumentInvalid", answer["error"])
        return web.json_response(answer)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if len(self._watching) >= stream.MOST_VIEWERS:
            self.refused += 1
            return stream.full()
        reader, writer = await self._reach(request)
        task = asyncio.current_task()
        self._watching.add(task)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            writer.write(b'{"do": "watch"}\n')
            await response.prepare(request)
            while True:
                try:
                    async with asyncio.timeout(stream.HEARTBEAT_S):
                        line = await reader.readline()
                except TimeoutError:
                    await response.write(b":\n\n")
                    continue
                if not line:
                    break
                await response.write(b"data: " + line + b"\n")
            await response.write(stream.sse({"gone": True}))
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._watching.discard(task)
            writer.close()
        return response

    async def _reach(self, request: web.Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        note = find(self._state, request.match_info["id"])
        try:
            if note is not None:
                with by_its_folder(note.folder / NAME) as path:
                    return await asyncio.open_unix_connection(path, limit=8 * LONGEST)
        except OSError as error:
            why: Any = f" ({error.strerror})"
        else:
            why = ""
        raise HubError("GenericNotFound", f"The device's board is not on this computer now{why}.")
