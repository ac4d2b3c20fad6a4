"""The REST routes of feedback on messages to devices, for services that have no AMQP."""

from aiohttp import web

from .core import Hub, jsontext
from .nodes.devicebound import FEEDBACK_TYPE
from .rest import Rest
from .ticker import Ticker

FEEDBACK = "/messages/servicebound/feedback"


class RestFeedback:
    """``/messages/serviceBound/feedback``; the lock token of a batch is its ``ETag``."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        self._locks = hub.feedback_locks
        self._ticker = ticker
        rest.add("GET", FEEDBACK, "ServiceConnect", self._receive)
        rest.add("DELETE", f"{FEEDBACK}/{{lock}}", "ServiceConnect", self._complete)
        rest.add("POST", f"{FEEDBACK}/{{lock}}/abandon", "ServiceConnect", self._abandon)

    async def _receive(self, request: web.Request) -> web.Response:
        found = self._locks.receive()
        self._ticker.touch()
        if found is None:
            return web.Response(status=204)
        token, records = found
        return web.Response(
            body=jsontext.encode(records), content_type=FEEDBACK_TYPE, headers={"ETag": f'"{token}"'}
        )

    async def _complete(self, request: web.Request) -> web.Response:
        self._locks.complete(_token(request))
        return web.Response(status=204)

    async def _abandon(self, request: web.Request) -> web.Response:
        self._locks.abandon(_token(request))
        return web.Response(status=204)


def _token(request: web.Request) -> str:
    # Some clients give back the ETag with its quotes.
    return request.match_info["lock"].strip('"')
