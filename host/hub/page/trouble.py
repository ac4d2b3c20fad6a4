"""The rules by which the hub misbehaves, as the page switches them, and what they have done."""

import json
from typing import Any

from aiohttp import web

from ..core import HubError
from ..faults.rules import FAULTS, OF_THE_LINE, FaultError
from ..rest.values import read_json


class Trouble:
    """``running``: the hub, see ``content.Running``."""

    def __init__(self, running: Any):
        self._running = running

    def routes(self) -> list[tuple[str, str, Any]]:
        """Method, path and handler."""
        return [("GET", "/api/faults", self._get), ("PUT", "/api/faults", self._put)]

    async def _get(self, request: web.Request) -> web.Response:
        """``{"rules": [{…, "done": n}], "kinds": {fault: {"member", "default"} or null}, "done": {fault: n}}``."""
        faults = self._running.faults
        kinds = {
            name: own and {"member": own[0], "default": own[1]}
            for name, own in FAULTS.items()
            if name not in OF_THE_LINE
        }
        return web.json_response(
            {
                "rules": faults.rules if faults else [],
                "done": faults.done if faults else {},
                "kinds": kinds,
                "fixed": bool(faults and faults.of_the_line),
            }
        )

    async def _put(self, request: web.Request) -> web.Response:
        """Follow the rules of the body, ``{"rules": […]}``, from now on; their counts begin anew."""
        if self._running.faults and self._running.faults.of_the_line:
            raise HubError(
                "ArgumentInvalid", "The hub was started with faults of the line; they stay until it stops."
            )
        body = await read_json(request)
        quiet = isinstance(body, dict) and body.get("rules") == []
        try:
            self._running.misbehave(None if quiet else json.dumps(body))
        except FaultError as error:
            raise HubError("ArgumentInvalid", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
        return await self._get(request)
