"""Telemetry that waits to be sent.

A message stays in the bounded queue until the hub has acknowledged it (QoS 1).
When the queue is full the oldest message is dropped and counted, since in the
field the newest reading is worth the most.
"""

import json

from . import hub

CAPACITY = 32  # messages that wait at most
LARGEST = 4096  # bytes of one message's body

# With these two the hub can route by the body ("Create and read IoT Hub messages").
JSON_UTF8 = {"$.ct": "application/json", "$.ce": "utf-8"}


class Telemetry:
    """The queue of ``(topic, body)``, oldest first."""

    def __init__(self, device_id, say):
        self.dropped = 0
        self.sent = 0
        self._queue = []
        self._device_id = device_id
        self._topic = hub.telemetry(device_id, JSON_UTF8)
        self._say = say

    def add(self, values, component=None):
        """Queue one message, of a component when one is named."""
        body = json.dumps(values).encode()
        if len(body) > LARGEST:
            self.dropped += 1
            self._say("error", "telemetry of %d bytes is over %d; it is dropped" % (len(body), LARGEST))
            return
        if len(self._queue) >= CAPACITY:
            self._queue.pop(0)
            self.dropped += 1
            self._say("warning", "telemetry queue full; the oldest message is dropped")
        topic = self._topic
        if component:
            properties = dict(JSON_UTF8)
            properties["$.sub"] = component
            topic = hub.telemetry(self._device_id, properties)
        self._queue.append((topic, body))

    def head(self):
        """The next message to send, or None. It stays until acknowledged()."""
        return self._queue[0] if self._queue else None

    def acknowledged(self):
        """The hub has the head of the queue."""
        self._queue.pop(0)
        self.sent += 1

    def __len__(self):
        return len(self._queue)
