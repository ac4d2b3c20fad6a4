"""The physics of a DHT11 or DHT22: what it feels, and the five bytes it sends.

Runs on both interpreters. What a test or a technician says stands in a dict, the
content of ``sensor.json`` in the device's directory:

    temperature, humidity   the room: °C, % relative
    lag                     seconds until the sensor feels 63 % of a change (default 0)
    fault                   "absent": no answer; "bit": one bit is wrong; "cut": the frame ends
                            early; "stale": the frame of the last time once more; "late": it
                            answers only the next time it is asked; "zeros": forty bits of 0, whose
                            sum is right (a line that is short, or a sensor that lacks current)
    complement              a DHT22 of those that send the two's complement (adafruit/DHT-sensor-library
                            issue 182, arendst/Tasmota issue 14165)
    frame                   ten hex digits, sent as they are

Frames as in the data sheets: humidity, temperature, and the sum of the four bytes. A DHT22 counts tenths, with the
sign in the highest bit; a DHT11 whole percents, whole degrees, and tenths of one with the sign in their highest bit
(ASAIR's DHT11; adafruit/DHT-sensor-library issue 199).
"""

import binascii
import math

DAY_S = 86400
# What each can measure: °C, % relative humidity (Aosong's data sheet of the DHT22; ASAIR's of the DHT11, which is sold
# today).
RANGES = {
    "DHT11": {"temperature": (-20.0, 60.0), "humidity": (5.0, 95.0)},
    "DHT22": {"temperature": (-40.0, 80.0), "humidity": (0.0, 100.0)},
}
CUT = 2  # bytes that still come of a cut frame


class DhtSensor:
    """One sensor of ``model``. ``told()`` answers the dict above, or None for a gentle day."""

    def __init__(self, model, told=lambda: None):
        self.model = model
        self._told = told
        self._felt = None  # (seconds, temperature, humidity)
        self._last = None
        self._late = False

    def feel(self, utc):
        """``(temperature, humidity)`` as the sensor feels them now, which lags behind the room."""
        room = self._told()
        if room is None or "temperature" not in room:
            room = dict(day(utc), **(room or {}))
        temperature, humidity = room["temperature"], room["humidity"]
        if self._felt and room.get("lag"):
            before, was_warm, was_damp = self._felt
            share = math.exp(-max(0, utc - before) / room["lag"])
            temperature += (was_warm - temperature) * share
            humidity += (was_damp - humidity) * share
        self._felt = utc, temperature, humidity
        return temperature, humidity

    def frame(self, utc):
        """The bytes it sends when it is asked now: five, fewer when cut, or None when it is silent."""
        fault = (self._told() or {}).get("fault")
        if fault == "absent":
            return None
        if fault == "late" and not self._late:
            self._late = True
            return None
        self._late = False
        if fault == "stale" and self._last:
            return self._last
        room = self._told() or {}
        if fault == "zeros":
            return bytes(5)
        if "frame" in room:
            return binascii.unhexlify(room["frame"])
        frame = encode(self.model, *self.feel(utc), bool(room.get("complement")))
        if fault == "cut":
            return frame[:CUT]
        if fault == "bit":
            return frame[:2] + bytes([frame[2] ^ 0x04]) + frame[3:]
        self._last = frame
        return frame


def encode(model, temperature, humidity, complement=False):
    """The five bytes for a temperature and a humidity."""
    tenths, below = round(abs(temperature) * 10), temperature < 0
    if model == "DHT11":
        body = [round(humidity), 0, tenths // 10, tenths % 10 | (0x80 if below else 0)]
    else:
        damp = round(humidity * 10)
        warm = tenths if not below else 0x10000 - tenths if complement else tenths | 0x8000
        body = [damp >> 8, damp & 0xFF, warm >> 8, warm & 0xFF]
    body.append(sum(body) & 0xFF)
    return bytes(body)


def is_whole(frame):
    """Whether all of a frame has come, with the right sum."""
    return len(frame) == 5 and sum(frame[:4]) & 0xFF == frame[4]


def day(utc):
    """``{"temperature", "humidity"}`` of a gentle day: coldest and dampest at 04:00 UTC."""
    swing = math.cos((utc % DAY_S - 4 * 3600) / DAY_S * 2 * math.pi)
    return {"temperature": round(21.0 - 3.0 * swing, 1), "humidity": round(45.0 + 10.0 * swing, 1)}
