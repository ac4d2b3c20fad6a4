"""Writable properties and their acknowledgements (IoT Plug and Play conventions).

A handler gets a desired value and the property is reported as

    {"value": v, "ac": code, "av": version, "ad": text}

with ``ac`` 200 when it is in force, 400 when the handler refused it (then
``value`` is the one still in force), 500 when the handler failed. A desired
null is reported as null. The version acknowledged is that of the desired
document; when a newer value arrives while a handler is still at work, the
older work is stopped and only the newer one is acknowledged.
"""

from .errors import BadRequest


class Writables:
    """Runs the handlers and reports the acknowledgements.

    ``handlers`` maps property names to functions of ``(board, value)``; what a
    handler returns, unless None, is the value in force. ``report(patch)`` writes
    reported properties.
    """

    def __init__(self, handlers, board, tasks, report, say):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._report = report
        self._say = say
        self._in_force = {}

    def on_patch(self, patch, version, now):
        """A change was notified: every writable member in it is applied and acknowledged."""
        for name in self._handlers:
            if name in patch:
                self._apply(name, patch[name], version, now)

    def on_twin(self, desired, reported, version, now):
        """The twin was read: apply what has not been acknowledged at this version."""
        for name in self._handlers:
            known = reported.get(name)
            acknowledged = isinstance(known, dict) and known.get("av") == version
            if acknowledged and name in self._in_force:
                continue
            if name in desired:
                self._apply(name, desired[name], version, now)
            elif known is not None and isinstance(known, dict) and known.get("av"):
                self._apply(name, None, version, now)

    def _apply(self, name, value, version, now):
        self._tasks.stop(name)
        if value is None:
            self._in_force.pop(name, None)
            self._report({name: None})
            return
        answer = lambda *a: self._acknowledge(name, value, version, *a)  # noqa: E731
        try:
            if self._tasks.full():
                raise BadRequest("too much is under way; try again later", 429)
            result = self._handlers[name](self._board, value)
            self._tasks.start(result, now, answer, name)
        except Exception as error:
            answer(None, error, True)

    def _acknowledge(self, name, value, version, result, error, final):
        if not final:
            return
        if error is None:
            self._in_force[name] = value if result is None else result
            code, text = 200, "completed"
        elif isinstance(error, BadRequest):
            code, text = error.status, error.text
        else:
            code, text = 500, "%s: %s" % (type(error).__name__, error)
            self._say("error", "%s failed: %s" % (name, text))
        self._report({name: {"value": self._in_force.get(name), "ac": code, "av": version, "ad": text}})
