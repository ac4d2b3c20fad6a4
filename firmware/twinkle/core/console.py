"""The technician's console: a verb a line, while twin and methods go on.

Lines are answered in their order: with lines ``name: value`` or ``- text`` and ``ok``, or with ``err
CODE what to do``; the codes are those of direct methods. A line that ends in ``--json`` is answered by
``{"ok": true, "result": …}`` or ``{"ok": false, "code": …, "error": …}``. Verbs and direct methods
reach the same handlers, and nothing secret is shown.

The console speaks with the runtime as a device does: on_line() and on_done() go in, step(now)
answers with actions. ``("print", text)`` is a line to show; ``("do", what, *arguments)`` asks for
something only the runtime can do and ends in on_done(); ``("reset", reason)`` restarts the device.
It is loaded when somebody types: a device in a basement nobody visits does not carry it.
"""

import json

from .clock import iso
from .document import encode
from .errors import BadRequest
from .link import OFFLINE, READY

LONGEST_LINE = 512  # bytes
MOST_WAITING = 8  # lines that were typed while an earlier one is being answered


class Console:
    """Answers lines about ``device``, a Device or one that is yet to be provisioned."""

    def __init__(self, device):
        self._verbs = getattr(device, "verbs", Verbs)(device, self)
        self._waiting = []
        self._actions = []
        self._json = False  # how the line under way is answered
        self._busy = False
        self._then = None  # what to make of what the runtime has done

    def on_line(self, line):
        """A technician typed a line."""
        line = line.strip()
        if not line:
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)
        else:
            self._refuse(429, "too many lines at once; wait for the answers", line.endswith("--json"))

    def on_done(self, result, error=None):
        """The runtime has done what it was asked for, or could not, for the reason ``error``."""
        if error:
            self.fail(getattr(error, "status", 500), str(error) or type(error).__name__)
        else:
            self._go_on(self._then, result)

    def step(self, now):
        """Answer what can be answered; the actions."""
        while self._waiting and not self._busy:
            self._busy = True
            self._go_on(self._run, self._waiting.pop(0), now)
        actions, self._actions = self._actions, []
        return actions

    def due(self):
        """Whether step() has something to do."""
        return bool(self._actions or (self._waiting and not self._busy))

    # --- for the verbs

    def ask(self, what, *arguments, then=lambda result: result):
        """Have the runtime do something. ``then(result)`` answers the line's result, or None to go on."""
        self._then = then
        self.act("do", what, *arguments)

    def act(self, *action):
        """Queue an action."""
        self._actions.append(action)

    def finish(self, result):
        """The line under way is answered: a list of lines, or of pairs of name and value."""
        self._busy = False
        pairs = bool(result) and isinstance(result[0], tuple)
        if pairs:
            result = [(name, _written(value)) for name, value in result]
        if self._json:
            self.act("print", json.dumps({"ok": True, "result": dict(result) if pairs else result}))
        else:
            self._show(result)
            self.act("print", "ok")

    def fail(self, status, text, result=None):
        """The line under way is refused, or failed; ``result``: the pairs that are known all the same."""
        self._busy = False
        self._refuse(status, text, self._json, result)

    def _go_on(self, what, *arguments):
        try:
            result = what(*arguments)
        except BadRequest as error:
            self.fail(error.status, error.text)
            return
        if result is not None:
            self.finish(result)

    def _run(self, line, now):
        self._json = line.endswith("--json")
        verb, _, rest = (line[:-6] if self._json else line).strip().partition(" ")
        if len(line.encode()) > LONGEST_LINE:
            raise BadRequest("the line is longer than %d bytes" % LONGEST_LINE, 413)
        if "\ufffd" in line:
            raise BadRequest("the line is not UTF-8, or has a control character")
        verbs = self._verbs
        if verb in verbs.WITH_WORDS:
            return verbs.WITH_WORDS[verb](verbs, rest.strip(), now)
        if verb not in verbs.ALONE:
            raise BadRequest("there is no such verb; type help", 404)
        if rest:
            raise BadRequest(verb + " takes no more words")
        return verbs.ALONE[verb](verbs, now)

    def _refuse(self, status, text, as_json, result=None):
        if as_json:
            answer = {"ok": False, "code": status, "error": text}
            if result:
                answer["result"] = dict(result)
            self.act("print", json.dumps(answer))
        else:
            self._show(result or [])
            self.act("print", "err %d %s" % (status, text))

    def _show(self, result):
        for line in result:
            name, value = line if isinstance(line, tuple) else (None, line)
            text = value if isinstance(value, str) else json.dumps(value)
            # Some terminals give back what they show: none of it is a verb.
            self.act("print", "%s: %s" % (name, text) if name else "- " + text)


LED = "led on | off | blink SECONDS | brightness 0..1"
TESTS = ("sensor", "LED", "flash", "network", "DNS", "TLS", "hub")
ONLINE = TESTS[3:]  # a connection to the hub is the proof of these


class Verbs:
    """The verbs over ``device``: methods of ``(rest of the line, now)``, or of ``(now)``.

    A verb answers with pairs of name and value (a dict has no order on MicroPython) or with lines;
    BadRequest refuses; None means that the answer comes later, from what ``console`` is asked for.
    """

    def __init__(self, device, console):
        self._device = device
        self._console = console
        self._calls = 0

    def help(self, now):
        from .console_help import HELP

        return ["%-48s %s" % tuple(line.split(": ")) for line in HELP.split("\n")]

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
        if hasattr(device, "configuration"):
            found += [
                ("lastError", device.context.last_error),
                ("configId", device.configuration.applied["configId"]),
                ("sendFrequency", device.configuration.applied["sendFrequency"]),
                ("sensorFailures", device.sensor.failures),
                ("sensorErrors", device.sensor.errors),
                ("queue", len(device.telemetry)),
                ("dropped", device.telemetry.dropped),
            ]
        self._console.ask("facts", then=lambda facts: found + facts)

    def read(self, now):
        self._console.ask("read")

    def led(self, rest, now, light=None, usage=LED):
        led = light or self._whole().board.led
        what, _, value = rest.partition(" ")
        try:
            if rest == "on":
                led.on()
            elif rest == "off":
                led.off()
            elif what == "blink":
                led.blink(float(value))
            elif what == "brightness" and 0 <= float(value) <= 1:
                led.dim(float(value))
            else:
                raise ValueError
        except ValueError:
            raise BadRequest("it is " + usage) from None
        return [("level", led.level)]

    def config(self, now):
        config = self._whole().configuration
        return [("applied", config.applied), ("state", config.applying.state if config.applying else "idle")]

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
        self._whole().methods.call(name, rid, payload.strip().encode(), now, self)

    def on_answered(self, status, body):
        """The method that was called has answered; see Methods.call."""
        payload = json.loads(body)
        if status < 400:
            self._console.finish([("status", status), ("payload", payload)])
        else:
            told = isinstance(payload, dict) and payload.get("error")
            self._console.fail(status, told or body.decode())

    def log(self, rest, now):
        self._console.ask(*(("level", rest) if rest else ("log",)))

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
            text = "this forgets the configuration and the Wi-Fi set here; to go on, type: factory-reset "
            raise BadRequest(text + name, 428)
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
        if not hasattr(self._device, "configuration"):
            reason = self._device.link.reason
            raise BadRequest("the device is being provisioned (%s); try again later" % reason, 503)
        return self._device

    # What follows one of these on its line is a mistake; the others are given it.
    ALONE = {"help": help, "status": status, "read": read, "config": config, "methods": methods}
    ALONE.update({"selftest": selftest, "hold": hold, "reboot": reboot, "version": version})
    WITH_WORDS = {"led": led, "wifi": wifi, "call": call, "log": log, "factory-reset": factory_reset}


def _written(value):
    # What an application made may be no JSON; then it is said what is wrong with it.
    try:
        encode(value)
    except BadRequest as error:
        return error.text
    return value


def _possible(network, word):
    # What IEEE 802.11 allows: octets of a network's name, and of a WPA2 passphrase, or the key itself.
    size = len(word.encode())
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
