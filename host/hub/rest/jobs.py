"""The REST routes of jobs that are scheduled over many devices, ``/jobs/v2``."""

from aiohttp import web

from ..core import Hub, HubError
from ..ticker import Ticker
from .service import Rest
from .values import answer, digits, fields, read_json

MAX_PAGE = 1000


class RestJobs:
    """Jobs need the permissions of the registry ("Schedule and broadcast jobs": registry read and registry write)."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        self._jobs = hub.jobs
        self._ticker = ticker
        rest.add("GET", "/jobs", "RegistryRead", self._others)
        rest.add("GET", "/jobs/v2/query", "RegistryRead", self._query)
        rest.add("GET", "/jobs/v2/{id}", "RegistryRead", self._get)
        rest.add("PUT", "/jobs/v2/{id}", "RegistryWrite", self._put)
        rest.add("POST", "/jobs/v2/{id}/cancel", "RegistryWrite", self._cancel)

    async def _query(self, request: web.Request) -> web.Response:
        asked, headers = fields(request), request.headers
        size = digits(headers.get("x-ms-max-item-count") or asked.get("pagesize") or "100")
        if not size:
            raise HubError("ArgumentInvalid", "The page size must be a whole number from 1.")
        jobs, token = self._jobs.query(
            *(asked.get("jobtype"), asked.get("jobstatus"), min(size, MAX_PAGE)),
            headers.get("x-ms-continuation") or asked.get("continuationtoken"),
        )
        more = {} if token is None else {"x-ms-continuation": token}
        return answer(jobs, headers={"x-ms-item-type": "JobResponse", **more})

    async def _others(self, request: web.Request) -> web.Response:
        # Those of import and export. Azure's command line asks for them as well when it lists jobs.
        return answer([])

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._jobs.get(request.match_info["id"]))

    async def _put(self, request: web.Request) -> web.Response:
        job = self._jobs.create(request.match_info["id"], await read_json(request))
        self._ticker.touch()
        return answer(job)

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._jobs.cancel(request.match_info["id"])
        self._ticker.touch()
        return answer(job)
