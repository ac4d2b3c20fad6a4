"""The technician's console: a verb a line, while twin and methods go on.

Every answer ends with a line ``ok``, or ``err CODE what to do``; the codes are
those of methods. Before that come lines ``name: value``. A line that ends in
``--json`` is answered by one line of JSON instead. Nothing here is secret: what
the hub may not see is not shown either.
"""

import json

from .clock import iso
from .errors import BadRequest
from .link import OFFLINE
from .methods import OWN

LONGEST_LINE = 512  # characters

HELP = (
    ("help", "this list"),
    ("status", "link, hub, configuration, sensor, memory, queue, clock"),
    ("read", "one sample of the sensor"),
    ("led on | off | blink SECONDS | brightness 0..1", "what the LED shows"),
    ("config", "the configuration in force, and the one on its way"),
    ("methods", "the methods that can be called"),
    ("call NAME [JSON]", "call one, as the cloud would"),
    ("log", "the last lines of the log"),
    ("reboot", "restart the device"),
    ("version", "what runs here"),
)


class Console:
    """The verbs over ``device``, a Device; ``act`` takes an action."""

    def __init__(self, device, act):
        self._device = device
        self._act = act
        self._count = 0
        self._calls = {}  # request id -> whether JSON is wished
        self._reading = None  # whether JSON is wished of the reading that is awaited

    def on_line(self, line, now):
        """Answer one line that was typed."""
        line = line.strip()
        as_json = line.endswith("--json")
        words = (line[:-6] if as_json else line).strip().split(" ", 1)
        if not words[0]:
            return
        try:
            if len(line) > LONGEST_LINE:
                raise BadRequest("the line is longer than %d characters" % LONGEST_LINE, 413)
            verb = getattr(self, "_do_" + words[0], None)
            if verb is None or not words[0].isalpha():
                raise BadRequest("there is no such verb; type help", 404)
            result = verb(words[1].strip() if len(words) > 1 else "", as_json, now)
        except BadRequest as error:
            self._refuse(error.status, error.text, as_json)
            return
        if result is not None:
            self._tell(result, as_json)

    def awaits_reading(self):
        """Whether the next reading is for the console."""
        return self._reading is not None

    def on_reading(self, reading, reason=None):
        """The sensor answered, or did not for ``reason``."""
        as_json, self._reading = self._reading, None
        if reason:
            self._refuse(500, reason, as_json)
        else:
            self._tell([(name, reading[name]) for name in sorted(reading)], as_json)

    def on_answer(self, rid, status, body):
        """A method that was called here answered."""
        as_json = self._calls.pop(rid)
        payload = json.loads(body)
        if status >= 400:
            text = payload.get("error", "") if isinstance(payload, dict) else body.decode()
            self._refuse(status, text, as_json)
        else:
            self._tell([("status", status), ("payload", payload)], as_json)

    # --- the verbs: (arguments, whether JSON is wished, now) to pairs of name and value (a dict has
    # no order on MicroPython), a list of lines, or None for later

    def _do_help(self, rest, as_json, now):
        return ["%-48s %s" % line for line in HELP]

    def _do_version(self, rest, as_json, now):
        from twinkle import __version__

        return [("twinkle", __version__), ("model", self._device.app.model_id)]

    def _do_status(self, rest, as_json, now):
        device = self._device
        link, utc = device.link, device.clock.utc(now)
        return [
            ("link", link.state),
            ("reason", link.reason),
            ("nextTry", max(0, link.due - now) // 1000 if link.state == OFFLINE else None),
            ("losses", link.losses),
            ("hub", device.identity.host),
            ("device", device.identity.device_id),
            ("configId", device.config.applied["configId"]),
            ("sendFrequency", device.config.applied["sendFrequency"]),
            ("sensorFailures", device.sensor.failures),
            ("sensorErrors", device.sensor.errors),
            ("queue", len(device.telemetry)),
            ("dropped", device.telemetry.dropped),
            ("memory", device.board.memory),
            ("uptime", now // 1000),
            ("clock", None if utc is None else iso(utc)),
        ]

    def _do_read(self, rest, as_json, now):
        if self._device.sampler.reading:
            raise BadRequest("the sensor is being read; try again", 429)
        self._reading = as_json
        self._act("read")

    def _do_led(self, rest, as_json, now):
        led = self._device.board.led
        what, _, value = rest.partition(" ")
        if what == "on":
            led.on()
        elif what == "off":
            led.off()
        elif what == "blink":
            led.blink(_number(value, "led blink needs seconds, such as led blink 2"))
        elif what == "brightness":
            led.dim(_number(value, "led brightness needs a number from 0 to 1"))
        else:
            raise BadRequest("led takes on, off, blink SECONDS or brightness 0..1")
        return [("level", led.level)]

    def _do_config(self, rest, as_json, now):
        config = self._device.config
        return [("applied", config.applied), ("state", config.state)]

    def _do_methods(self, rest, as_json, now):
        return sorted(self._device.app.methods)

    def _do_call(self, rest, as_json, now):
        name, _, payload = rest.partition(" ")
        if not name:
            raise BadRequest("call needs a method's name; type methods")
        self._count += 1
        rid = OWN + str(self._count)
        self._calls[rid] = as_json
        self._device.methods.call(name, rid, payload.strip().encode(), now)

    def _do_log(self, rest, as_json, now):
        self._act("log")
        return []

    def _do_reboot(self, rest, as_json, now):
        self._device.board.reboot()
        return []

    # --- the answers

    def _tell(self, result, as_json):
        pairs = bool(result) and isinstance(result[0], tuple)
        if as_json:
            self._act("print", json.dumps({"ok": True, "result": dict(result) if pairs else result}))
            return
        for line in result:
            self._act("print", "%s: %s" % (line[0], _shown(line[1])) if pairs else line)
        self._act("print", "ok")

    def _refuse(self, status, text, as_json):
        if as_json:
            self._act("print", json.dumps({"ok": False, "code": status, "error": text}))
        else:
            self._act("print", "err %d %s" % (status, text))


def _shown(value):
    return value if isinstance(value, str) else json.dumps(value)


def _number(text, hint):
    try:
        return float(text)
    except ValueError:
        raise BadRequest(hint) from None
