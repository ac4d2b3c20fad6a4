"""Direct methods: from a request to exactly one answer.

    status  when
    200     the handler returned (with its payload), unless it chose another
    400     the payload is not JSON, or the handler raised BadRequest
    404     there is no such method
    413     the payload is larger than this device takes
    429     too many handlers are under way
    500     the handler failed; the payload says how
    504     the handler did not answer within the deadline; it goes on, its late
            answer is dropped

A request id belongs to one connection: after a reconnect the answers to older
requests have nobody to go to and are dropped. A request that comes twice is run and
answered once. Source: "Understand and invoke
direct methods from IoT Hub".
"""

import json

from .document import decode
from .errors import BadRequest

DEADLINE_MS = 25000  # under the 30 s a caller waits unless it says otherwise
REMEMBERED = 16  # request ids that were answered, in case one comes again
LARGEST = 131072  # bytes of one answer; the hub's limit


class Methods:
    """Dispatches requests to handlers and sends their answers.

    ``handlers`` maps names to functions of ``(board, payload)``. ``send(rid,
    status, body)`` answers the hub.
    """

    def __init__(self, handlers, board, tasks, send, say):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._send = send
        self._say = say
        self._open = {}  # rid -> (name, deadline, send)
        self._answered = []

    def forget(self):
        """The connection is gone, and with it everybody at the hub who waited for an answer."""
        for rid in [rid for rid in self._open if self._open[rid][2] is self._send]:
            del self._open[rid]
        self._answered = []

    def call(self, name, rid, body, now, send=None):
        """Run one request; ``body`` is its raw payload, None when it was too large.

        ``send``: who else than the hub gets the answer.
        """
        if send is None and (rid in self._open or rid in self._answered):
            self._say("warning", "the call of %s came twice; it is run once" % name)
            return
        self._open[rid] = (name, now + DEADLINE_MS, send or self._send)
        try:
            handler = self._handlers.get(name)
            if handler is None:
                known = ", ".join(sorted(self._handlers))
                raise BadRequest("no method %s; there are: %s" % (name, known), 404)
            if self._tasks.full():
                raise BadRequest("too many methods are under way; try again later", 429)
            payload = self._payload(body)
            self._tasks.start(handler(self._board, payload), now, lambda *a: self._answer(rid, *a))
        except Exception as error:
            self._answer(rid, None, error, True)

    def step(self, now):
        """Answer for handlers that are past their deadline."""
        for rid, (name, deadline, _) in list(self._open.items()):
            if now >= deadline:
                self._fail(rid, 504, "%s did not answer in time; it goes on" % name)

    def due(self):
        """The next deadline, or None."""
        return min([deadline for _, deadline, _ in self._open.values()]) if self._open else None

    def _payload(self, body):
        if body == b"":
            return None
        try:
            return decode(body)
        except BadRequest as error:
            raise BadRequest("the payload cannot be used: " + error.text, error.status) from None

    def _answer(self, rid, value, error, final):
        if isinstance(error, BadRequest):
            self._fail(rid, error.status, error.text)
        elif error is not None:
            name = self._open[rid][0] if rid in self._open else "a method"
            text = "%s failed: %s: %s" % (name, type(error).__name__, error)
            self._say("error", text)
            self._fail(rid, 500, text)
        elif rid in self._open:
            self._reply(rid, value)

    def _reply(self, rid, value):
        status, payload = 200, value
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int):
            status, payload = value
        try:
            body = json.dumps(payload).encode()
        except (TypeError, ValueError) as error:
            self._fail(rid, 500, "the answer is not JSON: %s" % error)
            return
        if len(body) > LARGEST:
            self._fail(rid, 500, "the answer of %d bytes is over the hub's limit" % len(body))
            return
        self._close(rid, status, body)

    def _fail(self, rid, status, text):
        if rid in self._open:
            self._close(rid, status, json.dumps({"error": text}).encode())

    def _close(self, rid, status, body):
        _, _, send = self._open.pop(rid)
        if send is self._send:
            self._answered = self._answered[-REMEMBERED:] + [rid]
        send(rid, status, body)
