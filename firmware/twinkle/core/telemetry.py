"""Telemetry: when to sample, and what waits to be sent.

The first sample is taken at the start, the next ones every applied period, with a link
to the hub or without, and whether the time is known or not. Reading the sensor is the
rim's work: the sampler asks for it, and when the answer is here the application makes
a message of it. A DHT sensor fails now and then for no reason, so a sample is tried
again, at the earliest when the sensor has rested; when all tries failed it leaves no
values behind, so nothing old or made up is sent. A sensor that still rests when a sample
is due is waited for: no sample is sent twice, and its time is when it was taken.

A message stays in the bounded queue until the hub has acknowledged it (QoS 1), in
the order in which it was made. It keeps the moment at which that was, in monotonic
milliseconds, and carries it as a time when it leaves: so it may come late, and may be
older than the time is known. When the queue is full the oldest message is dropped and
counted, since in the field the newest reading is worth the most; the hub is told how
many. The one that is under way is not dropped: its acknowledgement may be, too.
"""

import json

from . import hub
from .clock import iso

CAPACITY = 32  # messages that wait at most, unless the board file says otherwise
LARGEST = 4096  # bytes of one message's body

# With these two the hub can route by the body ("Create and read IoT Hub messages").
JSON_UTF8 = hub.build_bag({"$.ct": "application/json", "$.ce": "utf-8"})
CREATED = "&" + hub.quote("$.ctime") + "="
TRIES = 3  # readings for one sample
REST_MS = 2000  # what a DHT22 needs between two readings (its data sheet)


class Telemetry:
    """The queue of ``(component, moment, body)``, oldest first. ``clock`` is a WallClock."""

    def __init__(self, device_id, clock, say, capacity=CAPACITY):
        self.queue = []
        self.dropped = 0
        self.sent = 0
        self.sending = False  # the head is under way
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
        at = 1 if self.sending else 0
        self.queue[at:at] = entries
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
        self.sending = False
        self.queue.pop(0)
        self.sent += 1

    def _trim(self):
        while len(self.queue) > self._capacity:
            self.queue.pop(1 if self.sending else 0)
            self.dropped += 1
            # Not each time: a long outage would leave nothing else in the log.
            if not self.dropped & (self.dropped - 1):
                self._say(
                    "warning", "telemetry queue full; %d messages dropped, the oldest first" % self.dropped
                )

    def __len__(self):
        return len(self.queue)


class Sampler:
    """The sampling plan.

    ``act`` takes an action, ``add(values, component, now)`` a message; ``sensor`` keeps
    the record of the sensor.
    """

    def __init__(self, samples, board, sensor, act, add, say):
        self.period_ms = 30000
        self._samples = samples  # (component or None, handler)
        self._board = board
        self._sensor = sensor
        self._act = act
        self._add = add
        self._say = say
        self._last = None
        self._retry = None  # when to read again for the same sample
        self._tries = 0
        self._reading = False
        self._now = 0

    def set_period(self, period_s):
        """Sample every ``period_s`` seconds, counted from the last sample."""
        self.period_ms = period_s * 1000

    def step(self, now):
        """Ask for the sensor if it is time."""
        self._now = now
        if not self._samples or self._reading or now < self.due():
            return
        if self._retry is None:
            planned = self.due()
            # Keep the rhythm, unless samples were missed: then it begins anew.
            self._last = planned if self._last is not None and now - planned < self.period_ms else now
            self._tries = 0
        self._retry = None
        self._tries += 1
        self._reading = True
        self._act("read")

    def due(self):
        """When the next reading is due (milliseconds); None while there is nothing to wait for."""
        if not self._samples or self._reading:
            return None
        if self._retry is not None:
            return self._retry
        return 0 if self._last is None else self._last + self.period_ms

    def on_reading(self, reading):
        """The sensor answered.

        A dict of ``temperature`` and ``ownTemperature`` (°C), ``humidity`` (% relative)
        and ``memory`` (bytes in use); what is not known is left out.
        """
        self._board.take(reading)
        if reading.get("temperature") is not None:
            self._sensor.on_good(self._now)
        self._make()

    def on_resting(self, ms):
        """The sensor must rest for ``ms`` yet; the same sample is asked for again then."""
        self._retry = self._now + ms
        self._tries -= 1
        self._reading = False

    def on_failure(self, reason, reading):
        """The sensor did not answer, or not sensibly; ``reading`` holds what else is known."""
        again = self._now + REST_MS
        if self._tries < TRIES and again < self._last + self.period_ms:
            self._say("debug", "sensor: %s; trying again" % reason)
            self._retry = again
            self._reading = False
            return
        self._board.take(reading)
        self._sensor.on_failed(reason, self._now)
        self._make()

    def _make(self):
        self._reading = False
        for component, sample in self._samples:
            try:
                values = sample(self._board)
            except Exception as error:
                self._say("error", "telemetry handler failed: %s: %s" % (type(error).__name__, error))
                continue
            if values:
                self._add(values, component, self._now)
