"""When to sample, and the way from the sensor to a telemetry message.

The first sample is taken as soon as the device is ready, the next ones every
applied period. Reading the sensor is the rim's work: the sampler asks for it,
and when the answer is here the application makes a message of it. A sensor
that fails leaves no values behind, so nothing old or made up is sent.
"""


class Sampler:
    """The sampling plan. ``act`` takes an action, ``add(values, component)`` a message."""

    def __init__(self, samples, board, act, add, say):
        self.period_ms = 30000
        self._samples = samples  # (component or None, handler)
        self._board = board
        self._act = act
        self._add = add
        self._say = say
        self._last = None
        self._reading = False

    def set_period(self, period_s):
        """Sample every ``period_s`` seconds, counted from the last sample."""
        self.period_ms = period_s * 1000

    def step(self, now):
        """Ask for the sensor if it is time."""
        if not self._samples or self._reading or now < self.due():
            return
        planned = self.due()
        # Keep the rhythm, unless samples were missed: then it begins anew.
        self._last = planned if self._last is not None and now - planned < self.period_ms else now
        self._reading = True
        self._act("read")

    def due(self):
        """When the next sample is due (milliseconds); None while there is nothing to wait for."""
        if not self._samples or self._reading:
            return None
        return 0 if self._last is None else self._last + self.period_ms

    def on_reading(self, reading):
        """The sensor answered; see Device.on_reading."""
        self._board.take(reading)
        self._make()

    def on_failure(self, reason, reading):
        """The sensor did not answer, or not sensibly; ``reading`` holds what else is known."""
        self._board.take(reading)
        self._board.sensor_errors += 1
        self._say("error", "sensor: " + reason)
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
                self._add(values, component)
