"""What a technician can ask for.

A verb is a method of ``(rest of the line, now)``, or of ``(now)``; two tables name them
all. It answers with pairs of name and value (a dict has no order on MicroPython) or
with lines; BadRequest refuses; None means that the answer comes later. Verbs and direct
methods reach the same handlers. Nothing here is secret: what the hub may not see is not
shown either.
"""

import json

from .clock import iso
from .errors import BadRequest
from .link import OFFLINE, READY

LED = "led on | off | blink SECONDS | brightness 0..1"
HELP = (
    ("help", "this list"),
    ("status", "how the device stands"),
    ("read", "one sample of the sensor"),
    (LED, "what the LED shows"),
    ("config", "the configuration in force, and where the next one is"),
    ("wifi scan | set NETWORK PASSWORD or --open", "the networks in reach; join one and remember it"),
    ("methods", "the methods that can be called"),
    ("call NAME [JSON]", "call one, as the cloud would"),
    ("log [debug | info | warning | error]", "the log's last lines; or how much it tells from now on"),
    ("selftest", "try sensor, LED, flash, network, DNS, TLS and hub"),
    ("hold", "restart into the interpreter's prompt, for tools; once"),
    ("reboot", "restart the device"),
    ("factory-reset", "forget the configuration and the Wi-Fi set here; asks first"),
    ("version", "what runs here"),
)
TESTS = ("sensor", "LED", "flash", "network", "DNS", "TLS", "hub")
ONLINE = TESTS[3:]  # a connection to the hub is the proof of these


class Verbs:
    """The verbs over ``device``; ``console`` is asked for what takes its time."""

    def __init__(self, device, console):
        self._device = device
        self._console = console
        self._calls = 0

    def help(self, now):
        return ["%-48s %s" % line for line in HELP]

    def version(self, now):
        from twinkle import __version__

        return [("twinkle", __version__), ("model", self._whole().app.model_id)]

    def status(self, now):
        device = self._device
        link, utc = device.link, device.clock.utc(now)
        found = [
            ("link", link.state),
            ("reason", link.reason),
            ("nextTry", max(0, link.due - now) // 1000 if link.state == OFFLINE else None),
            ("losses", link.losses),
            ("hub", device.identity.host),
            ("device", device.identity.device_id),
            ("clock", None if utc is None else iso(utc)),
            ("uptime", now // 1000),
        ]
        if hasattr(device, "config"):
            found += [
                ("lastError", device.last_error),
                ("configId", device.config.applied["configId"]),
                ("sendFrequency", device.config.applied["sendFrequency"]),
                ("sensorFailures", device.sensor.failures),
                ("sensorErrors", device.sensor.errors),
                ("queue", len(device.telemetry)),
                ("dropped", device.telemetry.dropped),
            ]
        self._console.ask("facts", then=lambda facts: found + facts)

    def read(self, now):
        self._console.ask("read")

    def led(self, rest, now):
        led = self._whole().board.led
        what, _, value = rest.partition(" ")
        if what == "on":
            led.on()
        elif what == "off":
            led.off()
        elif what == "blink":
            led.blink(_number(value, "led blink needs seconds, such as led blink 2"))
        elif what == "brightness":
            hint = "led brightness needs a number from 0 to 1"
            brightness = _number(value, hint)
            if not 0 <= brightness <= 1:
                raise BadRequest(hint)
            led.dim(brightness)
        else:
            raise BadRequest("it is " + LED)
        return [("level", led.level)]

    def config(self, now):
        config = self._whole().config
        return [("applied", config.applied), ("state", config.state)]

    def wifi(self, rest, now):
        words = _words(rest)
        if words == ["scan"]:
            self._console.ask("scan")
        elif len(words) == 3 and words[0] == "set" and _possible(words[1], words[2]):
            self._console.ask("join", words[1], "" if words[2] == "--open" else words[2])
        else:
            raise BadRequest(
                'wifi takes scan, or set "NETWORK" (1 to 32 bytes) "PASSWORD" (8 to 63 characters or 64 hex '
                "digits; or --open)"
            )

    def methods(self, now):
        return sorted(self._whole().app.methods)

    def call(self, rest, now):
        name, _, payload = rest.partition(" ")
        if not name:
            raise BadRequest("call needs a method's name; type methods")
        self._calls += 1
        # An id that no hub can send, and of its own: an earlier call may still be going on.
        rid = ("console", self._calls)
        self._whole().methods.call(name, rid, payload.strip().encode(), now, self._answer)

    def _answer(self, rid, status, body):
        payload = json.loads(body)
        if status < 400:
            self._console.finish([("status", status), ("payload", payload)])
        else:
            told = isinstance(payload, dict) and payload.get("error")
            self._console.fail(status, told or body.decode())

    def log(self, rest, now):
        if rest:
            self._console.ask("level", rest)
        else:
            self._console.ask("log")

    def selftest(self, now):
        link = self._device.link
        found, left = [], list(TESTS)

        def go_on(verdict):
            if verdict:
                found.append((left.pop(0), verdict))
            while left and (left[0] == "hub" or (link.state == READY and left[0] in ONLINE)):
                found.append((left.pop(0), "ok" if link.state == READY else "fail " + link.reason))
            if left:
                self._console.ask("test", left[0], then=go_on)
                return None
            failed = [name for name, verdict in found if verdict[:2] != "ok"]
            if not failed:
                return found
            self._console.fail(500, "failed: " + ", ".join(failed), found)
            return None

        go_on(None)

    def hold(self, now):
        self._console.ask("hold", then=self._restart)

    def factory_reset(self, rest, now):
        name = self._device.identity.device_id
        if rest != name:
            text = (
                "this forgets the configuration and the Wi-Fi set here; to go on, type: factory-reset " + name
            )
            raise BadRequest(text, 428)
        self._console.ask("forget", then=self._restart)

    def _restart(self, result):
        self._console.finish(result)
        self._console.act("reset", "asked for on the console")

    def reboot(self, now):
        if hasattr(self._device, "board"):
            self._device.board.reboot()
            return []
        return self._restart([])

    def _whole(self):
        """The device, unless it is one that has no hub yet."""
        if not hasattr(self._device, "config"):
            reason = self._device.link.reason
            raise BadRequest("the device is being provisioned (%s); try again later" % reason, 503)
        return self._device

    # What follows one of these on its line is a mistake; the others are given it.
    ALONE = {
        "help": help,
        "status": status,
        "read": read,
        "config": config,
        "methods": methods,
        "selftest": selftest,
        "hold": hold,
        "reboot": reboot,
        "version": version,
    }
    WITH_WORDS = {"led": led, "wifi": wifi, "call": call, "log": log, "factory-reset": factory_reset}


def _number(text, hint):
    try:
        return float(text)
    except ValueError:
        raise BadRequest(hint) from None


def _possible(network, word):
    # What IEEE 802.11 allows: octets of a network's name, characters of a WPA2 passphrase, the key itself.
    size = len(word)
    secret = 8 <= size <= 63 or (size == 64 and not word.strip("0123456789abcdefABCDEF"))
    return 0 < len(network.encode()) <= 32 and (secret or word == "--open")


def _words(text):
    """Words, of which one with spaces stands in double quotes."""
    words = []
    while text:
        if text[0] == '"':
            word, closed, text = text[1:].partition('"')
            if not closed:
                raise BadRequest('a closing " is missing')
        else:
            word, _, text = text.partition(" ")
        words.append(word)
        text = text.strip()
    return words
