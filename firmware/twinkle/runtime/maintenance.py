"""What the console asks the runtime for. Loaded when it does.

A method is named after what is asked for and answers with what the console shows; a
TwinkleError says why it could not be done, and what to do.
"""

import gc

from .. import compat
from ..core.errors import BadRequest, HardwareError, TwinkleError
from .log import LEVELS
from .stream import Stream

MOST_NETWORKS = 20  # shown of a scan
SHOWN_MS = 300  # how long the LED is lit to be looked at
DISCONNECT = b"\xe0\x00"  # MQTT 3.1.1, section 3.14


def greet(network, host, port):
    """Try whether verified TLS can be had there; WireError says why not."""
    stream = Stream(network)
    try:
        stream.connect((host, port))
        stream.write(DISCONNECT)
        stream.flush()
    finally:
        stream.close()


class Maintenance:
    """Works on ``runner``, a Runner."""

    def __init__(self, runner):
        self._runner = runner
        self._port = runner.port

    def facts(self):
        """What the runtime knows of the state of things."""
        runner, port = self._runner, self._port
        gc.collect()  # what is in use, and not what has not been swept yet
        return [
            ("network", runner.network.missing or "ok"),
            ("signal", port.signal()),
            ("startedBy", port.started_by()),
            ("memory", port.memory()),
            ("flashWrites", runner.store.writes),
            ("damagedRecords", len(runner.store.damaged)),
            ("linesLost", runner.terminal.lost),
        ]

    def read(self):
        """One sample; HardwareError when there is none."""
        temperature, humidity = self._port.read_sensor()
        if temperature is None:
            raise HardwareError("this board has no sensor", "name its pin in the board file")
        own = self._port.own_temperature()
        return [("temperature", temperature), ("humidity", humidity), ("ownTemperature", own)]

    def scan(self):
        """The networks in reach, the strongest first."""
        found = sorted(self._port.scan(), key=lambda network: -network[1])
        return ["%4d dBm  %s" % (signal, name) for name, signal in found[:MOST_NETWORKS]]

    def join(self, name, password):
        """Change to another network, now and after every start, if it can be joined."""
        runner = self._runner
        runner.log.hide(password)
        self._port.join(name, password, self._wait)
        runner.store.save("wifi", {"ssid": name, "password": password})
        return []

    def _wait(self):
        self._runner.leave("the Wi-Fi network is changed on the console")
        self._runner.network.missing = ""  # whatever comes of it, the network is another one then
        self._port.sleep(compat.SLICE_MS)
        self._runner.network.idle()

    def log(self):
        """The last lines of the log."""
        return list(self._runner.log.ring)

    def level(self, name):
        """How much the log tells from now on."""
        if name not in LEVELS:
            raise BadRequest("log takes %s" % ", ".join(LEVELS))
        self._runner.log.level = name
        return []

    def hold(self):
        """The next start leaves the program out."""
        self._port.hold()
        return []

    def forget(self):
        """Remove every record."""
        self._runner.store.clear()
        return []

    def test(self, name):
        """Try one part: ``ok …`` or ``fail …`` with the remedy."""
        try:
            return "ok" + (self.TESTS[name](self) or "")
        except TwinkleError as error:
            return "fail %s" % error

    def _sensor(self):
        values = self.read()
        return " %s °C, %s %%" % (values[0][1], values[1][1])

    def _led(self):
        self._port.led(1.0)
        self._port.sleep(SHOWN_MS)
        board = getattr(self._runner.device, "board", None)
        self._port.led(board.led.level if board else 0.0)
        return " it was lit for a moment; was it?"

    def _flash(self):
        store, record = self._runner.store, {"tried": self._port.ticks()}
        store.save("selftest", record)
        same = store.load("selftest") == record
        store.save("selftest", None)
        if not same:
            raise HardwareError("what was written to flash came back different", "replace the board")

    def _network(self):
        missing = self._runner.network.missing
        if missing:
            raise HardwareError(missing, "wifi scan shows what is in reach")

    def _dns(self):
        host = self._runner.device.identity.dial
        try:
            number = self._port.look_up(host, 0)[0][-1]
            # Not every system shows it.
            return " %s is %s" % (host, number[0] if isinstance(number, tuple) else host)
        except OSError as error:
            raise HardwareError(
                "%s cannot be looked up (%s)" % (host, error), "check the host name and the network's DNS"
            ) from None

    def _tls(self):
        identity = self._runner.device.identity
        greet(self._runner.network, identity.dial, identity.port)

    TESTS = {"sensor": _sensor, "LED": _led, "flash": _flash, "network": _network, "DNS": _dns, "TLS": _tls}
