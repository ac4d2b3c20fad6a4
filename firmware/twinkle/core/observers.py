"""An application's handlers of desired properties and of cloud-to-device messages. Loaded where it has some.

A generator goes on later, as a method's does. A change at its path stops the one that an earlier change began.
"""

from .document import find


class Observers:
    """Calls what an application registered with ``app.desired``, ``(path, function)`` in their order."""

    def __init__(self, handlers, board, tasks, context):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._context = context
        self._started = False

    def on_change(self, delta, desired, now):
        """Call every handler whose path occurs in ``delta`` with its part of it and of ``desired``.

        The handler of the whole document is called at the start even with nothing in it.
        """
        first, self._started = not self._started, True
        for each in self._handlers:
            path, handler = each
            value, found = find(delta, path)
            if found and (path or delta or first):
                self._tasks.stop(each)
                self._run(each, now, handler, value, find(desired, path)[0])

    def on_message(self, handler, properties, payload, now):
        """Hand over a cloud-to-device message; None as payload: it was too large to take."""
        if payload is None:
            self._context.complain("a cloud-to-device message is too large for this device")
        else:
            self._run(None, now, handler, properties, bytes(payload))

    def on_answer(self, key, value, error, final):
        """A handler has answered; see Tasks."""
        if error:
            self._context.failed(_called(key), error)

    def _run(self, key, now, handler, *arguments):
        self._tasks.start(now, self, key, _called(key), handler, self._board, *arguments)


def _called(key):
    return "desired %s" % (key[0] or "properties") if key else "message"
