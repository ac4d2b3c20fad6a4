"""Telemetry: when to sample, whether the sensor answers, and what waits to be sent.

The first sample is taken at the start, the next ones every applied period, with a link
to the hub or without, and whether the time is known or not. Reading the sensor is the
runtime's work: the sampler asks for it, and when the answer is here the application makes
a message of it. A DHT sensor fails now and then for no reason, so a sample is tried
again, at the earliest when the sensor has rested; when all tries failed it leaves no
values behind, so nothing old or made up is sent. A sensor that still rests when a sample
is due is waited for: no sample is sent twice, and its time is when it was taken.

A message stays here until the hub has acknowledged it (QoS 1), in the order in which it
was made. It keeps the moment at which that was, in monotonic milliseconds, and carries it
as a time when it leaves: so it may come late, and may be older than the time is known.
When the queue is full, in messages or in bytes, the oldest that waits is dropped and
counted, since in the field the newest reading is worth the most; the hub is told how
many. The one that is under way does not wait, and is not dropped.

Of the sensor the log has a line and ``sensor`` is reported when there is something to say:
when a sample fails that did not fail before, then at the 2nd, 4th, 8th … failure in a row,
and when it answers again:

    {"status": "failing", "reason": text, "failures": in a row, "errors": since the
     start, "lastGood": time of the last good sample or null, "age": seconds since}
    {"status": "ok", "errors": since the start}
"""

from . import actions, topics
from .clock import iso
from .document import encode

CAPACITY = 32  # messages that wait at most, unless the board file says otherwise
EACH = 256  # bytes of their bodies for each of them, likewise
LARGEST = 4096  # bytes of one message's body

# System properties of a message, percent-encoded as in a property bag; by the first two the hub can route by the body
# ("Create and read IoT Hub messages").
JSON_UTF8 = "%24.ct=application%2Fjson&%24.ce=utf-8"
COMPONENT = "&%24.sub="
CREATED = "&%24.ctime="
TRIES = 3  # readings for one sample
REST_MS = 2000  # what a DHT22 needs between two readings (its data sheet)


class Telemetry:
    """The queue of ``(component, moment, body)``, oldest first. ``clock`` is a WallClock.

    ``capacity`` is in messages, ``most`` in bytes of their bodies; ``device_id``: who sends them.
    """

    def __init__(self, clock, context, capacity=None, most=None):
        self.queue = []
        self.under_way = None  # the message that is being sent; it is not in the queue
        self.dropped = 0
        self.sent = 0
        self.device_id = None
        self._clock = clock
        self._context = context
        self._capacity = capacity or CAPACITY
        self._most = most or self._capacity * EACH

    def add(self, values, component, now):
        """Queue what a handler returned, of a component if that is not None; what is empty is none.

        BadRequest or ValueError for what cannot be sent.
        """
        if not isinstance(values, (dict, type(None))):
            raise ValueError("it returned a %s, and no dict" % type(values).__name__)
        if not values:
            return
        body = encode(values)
        if len(body) > LARGEST:
            self.dropped += 1
            raise ValueError("its %d bytes are over %d" % (len(body), LARGEST))
        self.queue.append((component, now, body))
        self.trim()

    def waiting(self):
        """Every message that the hub has not acknowledged, oldest first."""
        return [self.under_way] + self.queue if self.under_way else self.queue

    def send(self):
        """Ask for the next message to be published, if there is one and none is under way."""
        if not self.queue or self.under_way:
            return
        component, moment, body = self.queue[0]
        bag = JSON_UTF8
        if component:
            bag += COMPONENT + topics.quote(component)
        utc = None if moment is None else self._clock.utc(moment)
        if utc is not None:
            bag += CREATED + iso(utc).replace(":", "%3A")
        self._context.act(actions.publish(topics.TELEMETRY % (self.device_id, bag), body, 1))
        self.under_way = self.queue.pop(0)

    def on_published(self):
        """The hub has it."""
        self.under_way = None
        self.sent += 1

    def on_failed(self):
        """It is not known whether the hub has it: it is sent again, before the others."""
        if self.under_way:
            self.queue.insert(0, self.under_way)
            self.under_way = None
            self.trim()

    def trim(self):
        """Drop what there is no room for, the oldest first."""
        size = sum([len(message[2]) for message in self.queue])
        while len(self.queue) > self._capacity or size > self._most:
            size -= len(self.queue.pop(0)[2])
            self.dropped += 1
            # Not each time: a long outage would leave nothing else in the log.
            if not self.dropped & (self.dropped - 1):
                self._context.say(
                    "warning", "telemetry queue full; %d dropped, the oldest first" % self.dropped
                )

    def __len__(self):
        return len(self.waiting())


class Sampler:
    """The sampling plan of ``samples``, pairs of a component or None and a handler.

    ``configuration`` knows the period, ``sensor`` keeps the record of the sensor, ``telemetry``
    takes the messages.
    """

    def __init__(self, samples, board, sensor, telemetry, configuration, context):
        self._samples = samples
        self._board = board
        self._sensor = sensor
        self._telemetry = telemetry
        self._configuration = configuration
        self._context = context
        self._last = None
        self._retry = None  # when to read again for the same sample
        self._tries = 0
        self._reading = False

    def step(self, now):
        """Ask for the sensor if it is time."""
        due = self.due()
        if due is None or now < due:
            return
        # Keep the rhythm, unless samples were missed: then it begins anew.
        begun = due if self._last is not None and now - due < self._period() else now
        self._context.act(actions.read())
        self._reading = True
        if self._retry is None:
            self._last = begun
            self._tries = 0
        self._retry = None
        self._tries += 1

    def due(self):
        """When the next reading is due (milliseconds); None while there is nothing to wait for."""
        if not self._samples or self._reading:
            return None
        if self._retry is not None:
            return self._retry
        return 0 if self._last is None else self._last + self._period()

    def on_reading(self, reading, now):
        """The sensor was asked.

        ``reading`` holds ``temperature`` and ``ownTemperature`` (°C), ``humidity`` (% relative) and
        ``memory`` (bytes in use), as far as they are known; or ``rest``, the milliseconds for which the
        sensor must rest yet; and ``failed``, why it did not answer, or not sensibly.
        """
        self._reading = False
        if "rest" in reading:
            self._tries -= 1
            self._retry = now + reading["rest"]
            return
        reason = reading.get("failed")
        if reason and self._tries < TRIES and now + REST_MS < self._last + self._period():
            self._context.say("debug", "sensor: %s; trying again" % reason)
            self._retry = now + REST_MS
            return
        self._board.take(reading)
        if reason:
            self._sensor.on_failed(reason, now)
        elif reading.get("temperature") is not None:
            self._sensor.on_good(now)
        for component, sample in self._samples:
            try:
                values = self._context.call("telemetry", sample, self._board)
                self._telemetry.add(values, component, now)
            except (Exception, SystemExit) as error:
                self._context.failed("telemetry", error)

    def _period(self):
        return self._configuration.period_s * 1000


class Sensor:
    """The sensor's record."""

    def __init__(self, context):
        self.failures = 0  # in a row
        self.errors = 0
        self._context = context
        self._good = None  # when the last good sample was taken
        self._told = None  # the status the hub knows

    def reconcile(self, reported):
        """The hub's copy was read: an old complaint must not stay there."""
        known = reported.get("sensor")
        self._told = known.get("status") if isinstance(known, dict) else None
        if self._good is not None and not self.failures:
            self._tell_good()

    def on_good(self, now):
        """A sample was taken."""
        if self.failures:
            self._context.say("info", "the sensor answers again after %d failed samples" % self.failures)
        self.failures = 0
        self._good = now
        self._tell_good()

    def on_failed(self, reason, now):
        """A sample failed, retries included."""
        self.failures += 1
        self.errors += 1
        if self.failures & (self.failures - 1):
            return
        age = utc = None
        known = "never one"
        if self._good is not None:
            age = (now - self._good) // 1000
            known = "%d s ago" % age
            utc = self._context.utc
        self._context.say(
            "error", "sensor: %s; last good sample: %s; failures: %d" % (reason, known, self.failures)
        )
        self._tell(
            {
                "status": "failing",
                "reason": reason,
                "failures": self.failures,
                "errors": self.errors,
                "lastGood": utc and iso(utc - age),
                "age": age,
            }
        )

    def _tell_good(self):
        if self._told == "failing":
            gone = {"reason": None, "failures": None, "lastGood": None, "age": None}
            self._tell(dict(gone, status="ok", errors=self.errors))

    def _tell(self, sensor):
        self._told = sensor["status"]
        self._context.report("sensor", {"sensor": sensor})
