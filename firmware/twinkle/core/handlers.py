"""Handlers of desired properties, by path, and of cloud-to-device messages."""

from .document import find


class Handlers:
    """Calls what an application registered with ``app.desired``.

    ``handlers`` are ``(path, function)`` in their order; ``complain(text)`` tells of one
    that failed.
    """

    def __init__(self, handlers, board, complain):
        self._handlers = handlers
        self._board = board
        self._complain = complain
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
                    text = "%s: %s" % (type(error).__name__, error)
                    self._complain("the handler of desired %s failed: %s" % (path or "properties", text))

    def on_message(self, handler, properties, payload):
        """Hand over a cloud-to-device message; None as payload: it was too large to take."""
        if payload is None:
            self._complain("a cloud-to-device message is too large for this device")
            return
        try:
            handler(self._board, properties, bytes(payload))
        except Exception as error:
            self._complain("the handler of messages failed: %s: %s" % (type(error).__name__, error))
