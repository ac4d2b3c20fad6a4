"""Telemetry that waits to be sent.

A message stays in the bounded queue until the hub has acknowledged it (QoS 1), in
the order in which it was made. It keeps the moment at which that was, in monotonic
milliseconds, and carries it as a time when it leaves: so it may come late, and may be
older than the time is known. When the queue is full the oldest message is dropped and
counted, since in the field the newest reading is worth the most; the hub is told how
many.
"""

import json

from . import hub
from .clock import iso

CAPACITY = 32  # messages that wait at most, unless the board file says otherwise
LARGEST = 4096  # bytes of one message's body

# With these two the hub can route by the body ("Create and read IoT Hub messages").
JSON_UTF8 = hub.build_bag({"$.ct": "application/json", "$.ce": "utf-8"})
CREATED = "&" + hub.quote("$.ctime") + "="


class Telemetry:
    """The queue of ``(component, moment, body)``, oldest first. ``clock`` is a WallClock."""

    def __init__(self, device_id, clock, say, capacity=CAPACITY):
        self.queue = []
        self.dropped = 0
        self.sent = 0
        self._device_id = device_id
        self._clock = clock
        self._say = say
        self._capacity = capacity

    def add(self, values, component, now):
        """Queue one message, of a component if that is not None."""
        body = json.dumps(values).encode()
        if len(body) > LARGEST:
            self.dropped += 1
            self._say("error", "telemetry of %d bytes is over %d; it is dropped" % (len(body), LARGEST))
            return
        self.queue.append((component, now, body))
        self._trim()

    def put_before(self, entries):
        """Let older messages wait before those that do."""
        self.queue[:0] = entries
        self._trim()

    def head(self):
        """``(topic, body)`` of the next message to send, or None. It stays until acknowledged()."""
        if not self.queue:
            return None
        component, moment, body = self.queue[0]
        bag = JSON_UTF8
        if component:
            bag += "&" + hub.build_bag({"$.sub": component})
        utc = None if moment is None else self._clock.utc(moment)
        if utc is not None:
            bag += CREATED + iso(utc).replace(":", "%3A")
        return hub.telemetry(self._device_id, bag), body

    def acknowledged(self):
        """The hub has the head of the queue."""
        self.queue.pop(0)
        self.sent += 1

    def _trim(self):
        while len(self.queue) > self._capacity:
            self.queue.pop(0)
            self.dropped += 1
            # Not each time: a long outage would leave nothing else in the log.
            if not self.dropped & (self.dropped - 1):
                self._say(
                    "warning", "telemetry queue full; %d messages dropped, the oldest first" % self.dropped
                )

    def __len__(self):
        return len(self.queue)
