"""Whether the sensor answers, and what is reported of it.

The log has a line and the reported property ``sensor`` is written when there is something to say:
when a sample fails that did not fail before, then at the 2nd, 4th, 8th … failure
in a row, and when the sensor answers again:

    {"status": "failing", "reason": text, "failures": in a row, "errors": since the
     start, "lastGood": time of the last good sample or null, "age": seconds since}
    {"status": "ok", "errors": since the start}
"""

from .clock import iso


class Sensor:
    """The sensor's record. ``report(patch)`` writes reported properties."""

    def __init__(self, board, report, say):
        self.failures = 0  # in a row
        self.errors = 0
        self._board = board
        self._report = report
        self._say = say
        self._good = None  # when the last good sample was taken: (milliseconds, UTC or None)
        self._told = None  # the status the hub knows

    def reconcile(self, reported):
        """The hub's copy was read: an old complaint must not stay there."""
        known = reported.get("sensor")
        self._told = known.get("status") if isinstance(known, dict) else None
        if self._good and not self.failures:
            self._tell_good()

    def on_good(self, now):
        """A sample was taken."""
        if self.failures:
            self._say("info", "the sensor answers again after %d failed samples" % self.failures)
        self.failures = 0
        self._good = now, self._board.utc
        self._tell_good()

    def on_failed(self, reason, now):
        """A sample failed, retries included."""
        self.failures += 1
        self.errors += 1
        if self.failures & (self.failures - 1):
            return
        age = (now - self._good[0]) // 1000 if self._good else None
        known = "never one" if age is None else "%d s ago" % age
        self._say("error", "sensor: %s; last good sample: %s; failures: %d" % (reason, known, self.failures))
        utc = self._good[1] if self._good else None
        self._told = "failing"
        self._report(
            {
                "sensor": {
                    "status": "failing",
                    "reason": reason,
                    "failures": self.failures,
                    "errors": self.errors,
                    "lastGood": None if utc is None else iso(utc),
                    "age": age,
                }
            }
        )

    def _tell_good(self):
        if self._told == "failing":
            self._told = "ok"
            gone = {"reason": None, "failures": None, "lastGood": None, "age": None}
            self._report({"sensor": dict(gone, status="ok", errors=self.errors)})
