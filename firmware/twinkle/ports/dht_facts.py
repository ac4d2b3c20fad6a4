"""What the data sheets of the DHT sensors say."""

from ..core.errors import HardwareError, SetupError

REST_MS = 2000  # between two readings; a DHT11 needs half of it
# Tenths of °C from, to; of % relative humidity from, to. A DHT11's are those of ASAIR's, which is sold today.
RANGES = {"DHT11": (-200, 600, 50, 950), "DHT22": (-400, 800, 0, 1000)}


def model_of(sensor):
    """The model of a board file's ``sensor``, or SetupError."""
    model = sensor.get("model")
    if model not in RANGES:
        text = "the sensor model %s is not known" % model
        raise SetupError(text, "use one of DHT11, DHT22 in the board file")
    return model


def sample(model, frame):
    """``(°C, %)`` of the five bytes that a sensor has sent, whose sum is right.

    The drivers' own decoders know one of a DHT22's two ways to be below zero, and none of a DHT11's. HardwareError for
    what the sensor cannot measure; its ``sample`` holds what is good all the same, and None for what is not.
    """
    damp, warm = frame[0] << 8 | frame[1], frame[2] << 8 | frame[3]
    if model == "DHT11":
        # Whole percents; whole degrees, and tenths with the sign.
        damp, warm = frame[0] * 10, (frame[2] * 10 + (frame[3] & 15)) * (-1 if frame[3] & 128 else 1)
    elif warm & 0x8000:
        # A sign and tenths (data sheet), or the two's complement: at -40 °C that begins with 0xFE.
        warm = 0x8000 - warm if warm < 0xF000 else warm - 0x10000
    coldest, hottest, driest, wettest = RANGES[model]
    found = warm / 10, damp / 10
    good = any(frame)  # zeros alone come from a line that is short, and their sum is right
    known = (
        found[0] if good and coldest <= warm <= hottest else None,
        found[1] if good and driest <= damp <= wettest else None,
    )
    if None in known:
        error = HardwareError(
            "a %s cannot measure %s degrees and %s %%" % ((model,) + found),
            "check it, and the model in the board file",
        )
        error.sample = known  # type: ignore[attr-defined]
        raise error
    return known


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
