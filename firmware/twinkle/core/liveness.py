"""Is the hub still there? Judged by bytes, never by a link flag.

MQTT has the client send something within every keep-alive interval and lets
the hub cut the line after 1.5 of them (MQTT 3.1.1 section 3.1.2.10). A ping goes
out when either side has been quiet for half the interval, so that one lost
ping is no lost link; an answer is owed within ten seconds.
"""

ANSWER_MS = 10000

QUIET = "quiet"
SILENT = "silent"


class Liveness:
    """When each side was last heard, in milliseconds."""

    def __init__(self, keep_alive):
        self._patience = keep_alive * 500
        self._heard = self._spoke = 0
        self._asked = None

    def begin(self, now):
        """A new connection."""
        self._heard = self._spoke = now
        self._asked = None

    def heard(self, now):
        """Bytes came from the hub."""
        self._heard = now
        self._asked = None

    def spoke(self, now):
        """Bytes went to the hub."""
        self._spoke = now

    def asked(self, now):
        """A ping went out."""
        self._asked = self._spoke = now

    def verdict(self, now):
        """QUIET when it is time for a ping, SILENT when one went unanswered, else None."""
        if self._asked is not None:
            return SILENT if now - self._asked >= ANSWER_MS else None
        return QUIET if now - min(self._heard, self._spoke) >= self._patience else None

    def due(self):
        """When the verdict can next change."""
        if self._asked is not None:
            return self._asked + ANSWER_MS
        return min(self._heard, self._spoke) + self._patience
