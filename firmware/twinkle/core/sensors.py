"""Named sensors: when they are read, and their records. Loaded where a board file names one."""

from .telemetry import REST_MS, TRIES, Sampler, Sensor


class NamedSensor(Sensor):
    """A sensor and its record.

    ``temperature`` (°C) and ``humidity`` (% relative) are the last good sample, None when the last attempt failed.
    Its record is reported as a member of ``sensors``.
    """

    def __init__(self, context, name):
        super().__init__(context)
        self.temperature = self.humidity = None
        self._name = name

    def take(self, sample, now):
        """It was read."""
        self.temperature, self.humidity = sample.get("temperature"), sample.get("humidity")
        reason = sample.get("failed")
        if reason:
            self.on_failed("%s: %s" % (self._name, reason), now)
            return
        if self.failures:
            self._context.say("info", "the sensor %s answers again" % self._name)
            self.failures = 0
        self.on_good(now)

    def reconcile(self, reported):
        """As of the sensor."""
        known = reported.get("sensors")
        super().reconcile({"sensor": known.get(self._name) if isinstance(known, dict) else None})

    def _tell(self, sensor):
        self._told = sensor["status"]
        self._context.report("sensor", {"sensors": {self._name: sensor}})


class WiredSampler(Sampler):
    """Reads each named sensor, one after another, before the board's own, which messages wait for.

    What fails is tried again as that is, if the period is long enough.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._left = []  # names of sensors that are to be read yet
        self._begun = 0  # when the first was asked
        self._asked = 0  # how often the first of those left was
        self._again = None

    def step(self, now):
        """Ask for what is due."""
        due = self.due()
        if due is None or now < due:
            return
        if self._left:
            self._ask()
        elif self._retry is None and len(self._board.sensors):
            self._left = list(self._board.sensors)
            self._begun = now
            self._asked = 0
            self._ask()
        else:
            super().step(now)

    def due(self):
        """As of a Sampler."""
        return self._again if self._left else super().due()

    def settles(self, name, failed, now):
        """This sensor was read: whether that is the one that is waited for, and it is not to be tried again."""
        if self._left[:1] != [name] or self._again is not None:
            return False
        if failed and self._asked < TRIES and now + REST_MS < self._begun + self._period():
            self._again = now + REST_MS
            return False
        return True

    def on_measured(self, now):
        """It is known what the sensor says, or that it does not answer."""
        self._left.pop(0)
        self._asked = 0
        if self._left:
            self._ask()
        else:
            super().step(now)

    def _ask(self):
        self._again = None
        self._asked += 1
        self._context.act(("wire", "measure", self._left[0]))
