"""A device core that is told what happens in JSON, on either interpreter.

Under MicroPython it is a process that reads one request a line and answers one
line; under CPython the world calls handle() itself. A request holds the time, the
events since the last one and answers with the actions and the next due moment.
Bytes travel as hex.
``keep`` says that the program is about to end. MARK stands before each answer, since
an application may print.
"""

import binascii
import gc
import json
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)  # as the firmware's main.py does, or what is imported here lies all over the heap

import twinkle.compat
from twinkle.core import actions, errors
from twinkle.runtime.log import explained

MARK = "\x1e"  # the record separator of JSON text sequences (RFC 7464, section 2.2)
if __name__ == "__main__":  # on MicroPython
    from slow import Watch
else:
    from .slow import Watch

PUBLISH = actions.publish("", b"", 1)  # of telemetry


class Chance:
    """Numbers from 0 up to 1, the same for the same seed on both interpreters."""

    def __init__(self, seed):
        self._state = seed

    def draw(self):
        """The next one."""
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) / 0x800000


def fresh(name):
    """The application of the module ``name``, imported anew, as a start of the program does: nothing is remembered."""
    if name in sys.modules:
        del sys.modules[name]
    module = __import__(name)
    for part in name.split(".")[1:]:
        module = getattr(module, part)
    return module.app


class Bridge:
    """One device, built by the first request and restarted by each "start"."""

    def __init__(self):
        self.device = None

    def handle(self, request):
        """Answer one request (a dict) with a dict."""
        if "start" in request:
            self._start(request["start"], request["now"])
        now = request["now"]
        for name, arguments in request.get("events", ()):
            getattr(self, "_" + name)(now, *arguments)
        asked = self.device.keep() if request.get("keep") else self.device.step(now)
        asked = [self._pack(action) for action in asked]
        return {"actions": asked, "due": self.device.due(now), "state": self.device.link.state}

    def _start(self, what, now):
        from twinkle.core.connection_string import parse
        from twinkle.core.device import Device

        app = fresh(what["app"])
        app.config = what.get("config") or app.config
        who = parse(what["connectionString"])
        chance = Chance(what["chance"]).draw if what.get("chance") else lambda: 0.5
        build = Device
        if what.get("parts"):
            from twinkle.core.wiring import WiredDevice

            build = lambda *arguments: WiredDevice(what["parts"], *arguments)  # noqa: E731
        self.device = build(
            app, who, what["records"], chance, 60, now, what["information"], what.get("waiting")
        )
        self.device.context.explain = explained
        self.device.context.enter = Watch(twinkle.compat.Ticks().now).enter

    def _time(self, now, utc):
        self.device.on_time(utc, now)

    def _connected(self, now):
        self.device.on_done(actions.connect("", 0), None, now)
        self.device.on_heard(now)

    def _lost(self, now, reason, hopeless):
        if self.device.telemetry.under_way:
            self.device.on_failed(PUBLISH, None, now)
        self.device.on_lost(errors.HubError(reason, code=5) if hopeless else reason, now)

    def _message(self, now, topic, payload):
        self.device.on_heard(now)
        self.device.on_message(topic, None if payload is None else binascii.unhexlify(payload), now)

    def _reading(self, now, reading):
        self.device.on_done(actions.read(), reading, now)

    def _failed(self, now, reason, reading):
        self.device.on_done(actions.read(), dict(reading, failed=reason), now)

    def _stored(self, now, name, error):
        if error:
            self.device.on_failed(actions.store(name, None), errors.HardwareError(error), now)
        else:
            self.device.on_done(actions.store(name, None), None, now)

    def _published(self, now):
        self.device.on_heard(now)
        self.device.on_done(PUBLISH, None, now)

    def _wired(self, now, action, result, error):
        if error is None:
            self.device.on_done(tuple(action), result, now)
        else:
            self.device.on_failed(tuple(action), errors.HardwareError(error), now)

    def _heard(self, now):
        self.device.on_heard(now)

    def _pack(self, action):
        if action[0] == "publish":
            return [action[0], action[1], binascii.hexlify(action[2]).decode(), action[3]]
        if action[0] == "connect":
            # The runtime asks for the password at this point.
            return [action[0], action[1], self.device.identity.password(action[2])]
        return list(action)


def serve():
    """Answer requests from standard input until it ends."""
    bridge = Bridge()
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        print(MARK + json.dumps(bridge.handle(json.loads(line))))


if __name__ == "__main__":
    serve()
