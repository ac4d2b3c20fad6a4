"""What the data sheets of the DHT sensors say."""

from ..core.errors import HardwareError, SetupError

REST_MS = 2000  # between two readings; a DHT11 needs half of it
# °C from, to; % relative humidity from, to
RANGES = {"DHT11": (0, 50, 20, 90), "DHT22": (-40, 80, 0, 100)}


def model_of(sensor):
    """The model of a board file's ``sensor``, or SetupError."""
    model = sensor.get("model")
    if model not in RANGES:
        known = ", ".join(sorted(RANGES))
        raise SetupError(
            "the sensor model %s is not known" % model, "use one of %s in the board file" % known
        )
    return model


def check(model, temperature, humidity):
    """The two values to the tenth, or HardwareError for what the sensor cannot measure.

    Sensors count in tenths; what a driver makes of them in floats of 32 bits is near that only.
    """
    coldest, hottest, driest, wettest = RANGES[model]
    if not (coldest <= temperature <= hottest and driest <= humidity <= wettest):
        raise HardwareError(
            "a %s cannot measure %s degrees and %s %%" % (model, temperature, humidity),
            "check the sensor and the model in the board file",
        )
    return round(temperature, 1), round(humidity, 1)


class Rest:
    """Answers with the last good sample for as long as the sensor must rest.

    The rest begins when a reading has ended: Adafruit's driver answers with its own last
    sample until more than two seconds have gone since it began (adafruit_dht 4.0, measure()).
    """

    def __init__(self):
        self._sample = None
        self._taken = -REST_MS

    def left(self, now):
        """How long it must rest yet (milliseconds)."""
        return max(0, self._taken + REST_MS - now)

    def sample(self, ticks, measure):
        """That sample, or the one that ``measure()`` takes; ``ticks()`` is the time (milliseconds)."""
        if not self._sample or not self.left(ticks()):
            self._sample = None
            try:
                self._sample = measure()
            finally:
                self._taken = ticks()
        return self._sample
