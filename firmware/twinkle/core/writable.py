"""Writable properties and their acknowledgements (IoT Plug and Play conventions).

A handler gets a desired value and the property is reported as

    {"value": v, "ac": code, "av": version, "ad": text}

with ``ac`` 200 when it is in force, 400 when the handler refused it (then
``value`` is the one still in force), 500 when the handler failed, and 203 with
version 0 for the device's own value at the first start. A desired null is
reported as null. A component's property stands under the component's name. The
version acknowledged is that of the desired document; when a newer value arrives
while a handler is still at work, the older work is stopped and only the newer
one is acknowledged.
"""

from .document import find, wrap
from .errors import BadRequest


class Writables:
    """Runs the handlers and reports the acknowledgements.

    ``handlers`` maps ``(component or None, name)`` to ``(handler, initial value, text
    when done)``; ``report(patch)`` writes reported properties.
    """

    def __init__(self, handlers, board, tasks, report, say):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._report = report
        self._say = say
        self._in_force = {key: initial for key, (_, initial, _) in handlers.items() if initial is not None}
        self._applied = {}  # key -> version whose value is in force since this start

    def on_patch(self, patch, version, now):
        """A change was notified: every writable member in it is applied and acknowledged."""
        for key in self._handlers:
            value, found = _look(patch, key)
            if found:
                self._apply(key, value, version, now)

    def on_twin(self, desired, reported, version, now):
        """The twin was read: apply what has not been acknowledged at this version."""
        for key, (_, initial, _) in self._handlers.items():
            value, found = _look(desired, key)
            known = _look(reported, key)[0]
            acknowledged = known.get("av") if isinstance(known, dict) else None
            if found:
                if acknowledged != version or self._applied.get(key) != version:
                    self._apply(key, value, version, now)
            elif acknowledged:
                self._apply(key, None, version, now)
            elif known is None and initial is not None and key in self._in_force:
                self._tell(key, self._in_force[key], 203, 0, "initialize")

    def _apply(self, key, value, version, now):
        self._tasks.stop(key)
        if value is None:
            self._in_force.pop(key, None)
            self._report(wrap(key[0], {key[1]: None}))
            return
        if isinstance(value, dict) and list(value) == ["value"]:
            value = value["value"]  # a form that IoT Central uses
        answer = lambda *a: self._acknowledge(key, value, version, *a)  # noqa: E731
        try:
            if self._tasks.full():
                raise BadRequest("too much is under way; try again later", 429)
            self._tasks.start(self._handlers[key][0](self._board, value), now, answer, key)
        except Exception as error:
            answer(None, error, True)

    def _acknowledge(self, key, value, version, result, error, final):
        if not final:
            return
        self._applied[key] = version
        code, text = 200, self._handlers[key][2]
        if error is None:
            self._in_force[key] = value if result is None else result
        elif isinstance(error, BadRequest):
            code, text = error.status, error.text
        else:
            code, text = 500, "%s: %s" % (type(error).__name__, error)
            self._say("error", "%s failed: %s" % (key[1], text))
        self._tell(key, self._in_force.get(key), code, version, text)

    def _tell(self, key, value, code, version, text):
        self._report(wrap(key[0], {key[1]: {"value": value, "ac": code, "av": version, "ad": text}}))


def _look(document, key):
    # A component that was deleted whole deletes each of its members.
    component, name = key
    if component is None:
        return find(document, name)
    value, found = find(document, component)
    return (None, found) if value is None else find(value, name)
