"""When to sample, and the way from the sensor to a telemetry message.

The first sample is taken at the start, the next ones every applied period, with a link
to the hub or without, and whether the time is known or not. Reading the sensor is the
rim's work: the sampler asks for it, and when the answer is here the application makes
a message of it. A DHT sensor fails now and then for no reason, so a sample is tried
again, at the earliest when the sensor has rested; when all tries failed it leaves no
values behind, so nothing old or made up is sent.
"""

TRIES = 3  # readings for one sample
REST_MS = 2000  # what a DHT22 needs between two readings (its data sheet)


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
        """The sensor answered; see Device.on_reading."""
        self._board.take(reading)
        if reading.get("temperature") is not None:
            self._sensor.on_good(self._now)
        self._make()

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
