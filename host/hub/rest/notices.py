"""The REST routes of feedback on messages to devices and of file notifications, for services that have no AMQP."""

from aiohttp import web

from ..core import Hub
from ..core.messages.notice_locks import NoticeLocks
from ..nodes.notices import FEEDBACK, FILE, Form, body_of
from ..ticker import Ticker
from .service import Rest


class RestNotices:
    """``/messages/serviceBound/feedback`` and ``…/filenotifications``; the lock token of a batch is its ``ETag``."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        _Locked("/messages/servicebound/feedback", hub.feedback_locks, FEEDBACK, rest, ticker)
        _Locked("/messages/servicebound/filenotifications", hub.file_locks, FILE, rest, ticker)


class _Locked:
    def __init__(self, path: str, locks: NoticeLocks, form: Form, rest: Rest, ticker: Ticker):
        self._locks = locks
        self._form = form
        self._ticker = ticker
        rest.add("GET", path, "ServiceConnect", self._receive)
        rest.add("DELETE", f"{path}/{{lock}}", "ServiceConnect", self._complete)
        rest.add("POST", f"{path}/{{lock}}/abandon", "ServiceConnect", self._abandon)

    async def _receive(self, request: web.Request) -> web.Response:
        found = self._locks.receive()
        self._ticker.touch()
        if found is None:
            return web.Response(status=204)
        token, records = found
        return web.Response(
            body=body_of(records, self._form),
            content_type=self._form.content_type,
            headers={"ETag": f'"{token}"'},
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
