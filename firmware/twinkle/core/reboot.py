"""A restart that somebody has asked for, and what is reported after it. Loaded when there is one.

The method that asks for it is answered first, since nobody could after the reset. The request then goes to
flash, the device resets, and once it is back and has read its twin it reports ``rebootTime``, the moment it
started, in UTC (ISO 8601). Only when the hub has acknowledged that is the record removed, so the report
survives another power cut. Where only the program could be restarted the record is {"refused": why}, which is
reported as ``lastError``: there is no ``rebootTime``.
"""

from . import actions
from .clock import iso

GRACE_MS = 500  # for the answer to leave the device
AGAIN_MS = 60000  # a reset that has not come is asked for again


class Reboot:
    """The request, from the method to the report. ``record`` is what the store holds of one."""

    def __init__(self, record, started, context):
        self._record = record
        self._started = started
        self._context = context
        self.due = None

    def step(self, now):
        """A reboot has been asked for: take the next step towards it."""
        if self.due is None:
            utc = self._context.utc
            self._store({"requested": None if utc is None else iso(utc)})
            self.due = now + GRACE_MS
        elif now >= self.due:
            self.due = now + AGAIN_MS
            self._context.act(actions.disconnect())
            self._context.act(actions.reset("reboot requested"))

    def on_refused(self, reason):
        """The board could not be restarted. The program always can."""
        self._context.say("error", reason + "; only the program starts again")
        self._store({"refused": reason})
        self._context.act(actions.reset(reason, False))

    def report(self, now):
        """The twin was read: report what is owed after a reboot."""
        utc = self._context.utc
        if self._record is None or utc is None:
            return
        if "refused" in self._record:
            patch = {"lastError": "only the program restarted: %s" % self._record["refused"]}
        else:
            patch = {"rebootTime": iso(utc - (now - self._started) // 1000)}
        self._context.report("reboot", patch)

    def on_reported(self):
        """The hub has it."""
        if self._record is not None:
            self._record = None
            self._store(None)

    def _store(self, record):
        self._context.act(actions.store("reboot", record))
