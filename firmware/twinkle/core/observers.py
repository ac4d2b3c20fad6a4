"""An application's handlers of desired properties and of cloud-to-device messages. Loaded where it has some."""

from .document import find
from .handlers import described


class Observers:
    """Calls what an application registered with ``app.desired``, ``(path, function)`` in their order."""

    def __init__(self, handlers, board, context):
        self._handlers = handlers
        self._board = board
        self._context = context
        self._started = False

    def on_change(self, delta, desired):
        """Call every handler whose path occurs in ``delta`` with its part of it and of ``desired``.

        The handler of the whole document is called at the start even with nothing in it.
        """
        first, self._started = not self._started, True
        for path, handler in self._handlers:
            value, found = find(delta, path)
            if found and (path or delta or first):
                try:
                    handler(self._board, value, find(desired, path)[0])
                except Exception as error:
                    self._context.complain(
                        "the handler of desired %s failed: %s" % (path or "properties", described(error))
                    )

    def on_message(self, handler, properties, payload):
        """Hand over a cloud-to-device message; None as payload: it was too large to take."""
        if payload is None:
            self._context.complain("a cloud-to-device message is too large for this device")
            return
        try:
            handler(self._board, properties, bytes(payload))
        except Exception as error:
            self._context.complain("the handler of messages failed: " + described(error))
