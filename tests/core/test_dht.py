"""What a DHT sensor's five bytes mean."""

from twinkle.core.errors import HardwareError
from twinkle.ports.dht_facts import sample


def encode(model, tenths, humidity, complement=False):
    """The frame for tenths of °C and whole %; see mock_gpio.sensor, which boards do not have."""
    size, below = abs(tenths), tenths < 0
    if model == "DHT11":
        body = [humidity, 0, size // 10, size % 10 | (0x80 if below else 0)]
    else:
        warm = size if not below else 0x10000 - size if complement else size | 0x8000
        body = [humidity * 10 >> 8, humidity * 10 & 255, warm >> 8, warm & 255]
    return bytes(body + [sum(body) & 255])


def refused(model, frame):
    """``(text, what is known all the same)`` of a frame that is not good."""
    try:
        good = sample(model, frame)
    except HardwareError as error:
        return str(error), error.sample
    raise AssertionError(good)


def test_every_tenth_that_a_dht22_can_measure_is_read_whichever_way_it_is_below_zero():
    for complement in (False, True):
        for tenths in range(-400, 801):
            frame = encode("DHT22", tenths, 51, complement)
            assert sample("DHT22", frame) == (tenths / 10, 51), (tenths, complement)


def test_the_frames_that_were_seen_in_the_field_are_understood():
    """The fourth: 0xFFE9 is -23 in two's complement, which are tenths."""
    # adafruit/DHT-sensor-library issue 182, arendst/Tasmota issue 14165, micropython/micropython-lib issue 1074
    for frame, seen in (
        (b"\x01\xf5\xff\xff\xf4", (-0.1, 50.1)),
        (b"\x01\xf3\x80\x00\x74", (0.0, 49.9)),
        (b"\x02\x33\xff\xf7\x2b", (-0.9, 56.3)),
        (b"\x02\xb7\xff\xe9\xa1", (-2.3, 69.5)),
        (b"\x01\xc8\x80\x02\x4b", (-0.2, 45.6)),
    ):
        assert sum(frame[:4]) & 255 == frame[4]
        assert sample("DHT22", frame) == seen, frame


def test_a_dht11_below_zero_has_its_sign_among_the_tenths():
    for tenths in range(-200, 601):
        assert sample("DHT11", encode("DHT11", tenths, 51)) == (tenths / 10, 51), tenths


def test_zeros_alone_are_no_sample_though_their_sum_is_right():
    for model in ("DHT11", "DHT22"):
        text, known = refused(model, bytes(5))
        assert "cannot measure 0.0 degrees and 0.0 %" in text and known == (None, None)


def test_a_value_that_cannot_be_does_not_take_the_other_with_it():
    for model, dry in (("DHT22", -1), ("DHT11", 4)):
        for temperature, humidity, known in (
            (21.5, 101, (21.5, None)),
            (21.5, 255, (21.5, None)),
            (81, 40, (None, 40.0)),
            (-41, 40, (None, 40.0)),
            (-41, 101, (None, None)),
            (21.5, dry, (21.5, None)),
        ):
            if humidity >= 0:
                text, found = refused(model, encode(model, round(temperature * 10), humidity))
                assert "cannot measure" in text and found == known, (model, temperature, humidity, found)
