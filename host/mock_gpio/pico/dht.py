"""Stand-in for MicroPython's ``dht``: the frames come from mock_gpio.sensor, told by ``sensor.json``.

It decodes as the driver does: a DHT11's degrees without their sign and tenths, a DHT22's two's complement as a sign and
tenths, and it takes what is all zeros. It blocks 270 ms (MicroPython, drivers/dht/dht.c).
A DHT22's tenths are multiplied by 0.1 (micropython-lib, ``micropython/drivers/sensor/dht/dht.py``), and a Pico W's
floats have 32 bits (``ports/rp2/mpconfigport.h``, MICROPY_FLOAT_IMPL): 238 tenths are 23.800001.
"""

import struct

import bench
import machine
import utime

from mock_gpio.sensor import DhtSensor


class _Dht:
    """Both models; ``measure`` raises what MicroPython's driver raises."""

    def __init__(self, pin):
        self.pin = pin
        self.buf = bytearray(5)
        self._sensor = DhtSensor(self.MODEL, lambda: bench.sensor_on(pin.number))

    def measure(self):
        """Ask the sensor: OSError when it is silent or stops in the middle, Exception for a wrong sum."""
        for _ in range(27):
            utime.sleep_ms(10)
            machine.run_interrupts()
        frame = self._sensor.frame(utime.time())
        if frame is None or len(frame) < 5:
            raise OSError(110)
        self.buf[:] = frame
        if sum(frame[:4]) & 0xFF != frame[4]:
            raise Exception("checksum error")


def _single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


TENTH = _single(0.1)


class DHT11(_Dht):
    """Whole percents and degrees."""

    MODEL = "DHT11"

    def humidity(self):
        return self.buf[0]

    def temperature(self):
        return self.buf[2]


class DHT22(_Dht):
    """Tenths, with a sign."""

    MODEL = "DHT22"

    def humidity(self):
        return _single((self.buf[0] << 8 | self.buf[1]) * TENTH)

    def temperature(self):
        warm = _single(((self.buf[2] & 0x7F) << 8 | self.buf[3]) * TENTH)
        return -warm if self.buf[2] & 0x80 else warm
