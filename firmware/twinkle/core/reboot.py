"""A restart asked for by the hub: answer, store, reset, and report afterwards.

The method is answered first, since nobody could after the reset. The request
then goes to flash, the device resets, and once it is back and has read its twin
it reports ``rebootTime``, the moment it started, in UTC (ISO 8601). Only when the
hub has acknowledged that is the record removed, so the report survives another
power cut. Where the rim could restart only the program it has made the record
{"refused": why}, which is reported as ``lastError``: there is no ``rebootTime``.
"""

from .clock import iso

GRACE_MS = 500  # for the answer to leave the device


class Reboot:
    """The request, from the method to the report. ``act`` takes an action."""

    def __init__(self, record, started, act):
        self._record = record
        self._started = started
        self._act = act
        self.due = None

    def step(self, now, utc):
        """A reboot has been asked for: take the next step towards it."""
        if self.due is None:
            self._act("store", "reboot", {"requested": None if utc is None else iso(utc)})
            self.due = now + GRACE_MS
        elif now >= self.due:
            self._act("disconnect")
            self._act("reset", "reboot requested")

    def owed(self, utc, now):
        """What is to be reported after a reboot, as a patch; empty when there was none."""
        if self._record is None or utc is None:
            return {}
        if "refused" in self._record:
            return {"lastError": "only the program restarted: " + self._record["refused"]}
        return {"rebootTime": iso(utc - (now - self._started) // 1000)}

    def reported(self):
        """The hub has it."""
        if self._record is not None:
            self._record = None
            self._act("store", "reboot", None)
