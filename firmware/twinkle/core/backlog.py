"""Telemetry that outlives a restart, on boards whose disk bears it.

A board file asks for it with ``telemetry`` {"disk": bytes}. What waits is then
written to the record ``telemetry``, and read back at the next start:

* when the program ends in good order, and before a reset;
* while the hub is away, every KEEP_MS, if there is something new.

So a power cut costs at most the last KEEP_MS of an outage, and what was sent after it
was written may come again after one, as QoS 1 allows. The write budget: none as long as
messages get through, at most 150 a day while they do not (144, and the restarts of the
link policy), and one to remove the record once all of it has been sent.

The record is ``{"messages": [[component, UTC or null, values], …]}``, oldest first; of a
backlog larger than the disk's share the newest part is kept.
"""

import json

from . import actions

KEEP_MS = 600000
ENTRY = 64  # bytes of a message in the record besides its body, at most


class Backlog:
    """Keeps ``telemetry``'s queue, ``largest`` bytes of it; ``record`` is what the store held at the start."""

    def __init__(self, telemetry, clock, record, largest, context):
        self.due = None
        self._telemetry = telemetry
        self._clock = clock
        self._record = record  # until it is restored
        self._on_disk = record is not None
        self._last = None  # the newest message on the disk
        self._largest = largest
        self._context = context

    def restore(self, now):
        """The time is known: what was kept takes its place before what is new."""
        record, self._record = self._record, None
        if record is None:
            return
        try:
            entries = [_entry(item, self._clock, now) for item in record["messages"]]
        except (KeyError, TypeError, ValueError):
            self._context.say("error", "the telemetry that was kept cannot be read; it is dropped")
            return
        self._telemetry.queue[:0] = entries
        self._telemetry.trim()

    def step(self, now, sending):
        """Take the next step; ``sending``: messages get through."""
        if not len(self._telemetry):
            self.due = None
            if self._on_disk and self._record is None:
                self._on_disk = False
                self._context.act(actions.store("telemetry", None))
        elif sending:
            self.due = None
        elif self.due is None:
            self.due = now + KEEP_MS
        elif now >= self.due:
            self.due = now + KEEP_MS
            self.keep()

    def keep(self):
        """Write what waits, unless it is what was written last."""
        queue = self._telemetry.waiting()
        if self._record is not None or not queue or queue[-1] is self._last:
            return
        self._on_disk, self._last = True, queue[-1]
        size, entries = 0, []
        for component, moment, body in reversed(queue):
            size += len(body) + ENTRY
            if size > self._largest:
                break
            entries.append((component, None if moment is None else self._clock.utc(moment), json.loads(body)))
        self._context.act(actions.store("telemetry", {"messages": entries[::-1]}))

    def on_stored(self, error):
        """The record is on the disk; if it is not, the next attempt writes it."""
        if error:
            self._last = None


def _entry(item, clock, now):
    component, utc, values = item
    moment = None if utc is None else now - (clock.utc(now) - utc) * 1000
    return component, moment, json.dumps(values).encode()
