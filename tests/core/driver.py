"""Drives a device core through a story: says what happened, remembers what it did."""

import json

from twinkle import App
from twinkle.core import actions
from twinkle.core.connection_string import parse
from twinkle.core.console import Console
from twinkle.core.device import Device
from twinkle.core.errors import HardwareError

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CONNECTION = "HostName=contoso.azure-devices.net;DeviceId=MyDevice01;SharedAccessKey=" + KEY
FACTS = [("network", "ok"), ("memory", 1000)]  # what the runtime tells the console
EPOCH = 1700000000  # 2023-11-14T22:13:20Z


class Outcomes:
    """What a story tells ``device``, at the time ``now``, of actions that it has performed itself."""

    def stored(self, name, error=None):
        """A record is on flash, or is not for the reason ``error``."""
        action = actions.store(name, None)
        if error:
            self.device.on_failed(action, HardwareError(error), self.now)
        else:
            self.device.on_done(action, None, self.now)

    def connected(self):
        """The device has connected and subscribed."""
        self.device.on_done(actions.connect("", 0), None, self.now)

    def lost(self, reason="cut"):
        """The connection ends, and with it what is under way."""
        telemetry = getattr(self.device, "telemetry", None)  # one that is being provisioned has none
        if telemetry and telemetry.under_way:
            self.device.on_failed(actions.publish("", b"", 1), None, self.now)
        self.device.on_lost(reason, self.now)

    def reading(self, values):
        """The sensor was asked; see Sampler.on_reading."""
        self.device.on_done(actions.read(), values, self.now)

    def sent(self):
        """The hub has acknowledged the telemetry that is under way."""
        self.device.on_done(actions.publish("", b"", 1), None, self.now)


class Driver(Outcomes):
    """A device, a hub's voice and a clock, for stories without a network."""

    def __init__(self, app=None, records=None, keep_alive=60, epoch=EPOCH, waiting=None, now=0, build=Device):
        self.app = app or App(config={"configId": 1, "sendFrequency": "24h"})
        who = parse(CONNECTION)
        self.device = build(self.app, who, records or {}, lambda: 0.5, keep_alive, now, None, waiting)
        self.now = now
        self.done = []
        self.flash_error = None
        if epoch is not None:
            self.device.on_time(epoch, now)

    def step(self, ms=0):
        """Let ``ms`` pass; answers the actions of this step alone."""
        self.now += ms
        asked = self.device.step(self.now)
        self.done += asked
        for action in asked:
            if action[0] == "store":
                self.stored(action[1], self.flash_error)
            elif action[0] in ("led", "say", "disconnect") or (action[0] == "publish" and not action[3]):
                self.device.on_done(action, None, self.now)
        return asked

    def wait(self, ms):
        """Let ``ms`` pass, with a step at every moment the device asked for."""
        end = self.now + ms
        steps = 0
        while True:
            due = self.device.due(self.now)
            assert due >= self.now
            if due > end:
                break
            self.step(due - self.now)
            steps += 1
            assert steps < 10000, "the device never comes to rest"
        self.step(end - self.now)

    def connect(self, desired=None, version=1, reported=None):
        """Come up to READY with this twin; answers the actions since."""
        self.step()
        assert "connect" in self.names()[-2:]
        self.connected()
        return self.answer_twin(desired, version, reported)

    def answer_twin(self, desired=None, version=1, reported=None):
        """Answer the GET that the next step brings."""
        self.step()
        twin = {"desired": dict(desired or {}), "reported": dict(reported or {})}
        twin["desired"]["$version"] = version
        twin["reported"]["$version"] = 1
        self.hear("$iothub/twin/res/200/?$rid=" + self.rid("GET"), json.dumps(twin))
        return self.step()

    def hear(self, topic, payload=""):
        """A message from the hub."""
        self.device.on_message(topic, payload.encode() if payload is not None else None, self.now)

    def notify(self, patch, version):
        """A desired change; answers the actions."""
        patch = dict(patch)
        patch["$version"] = version
        self.hear("$iothub/twin/PATCH/properties/desired/?$version=%d" % version, json.dumps(patch))
        return self.step()

    def acknowledge(self, status=204):
        """Answer the last report; answers the actions."""
        self.hear("$iothub/twin/res/%d/?$rid=%s&$version=2" % (status, self.rid("reported")))
        return self.step()

    def call(self, name, payload="null", rid="1"):
        """A direct method; answers ``(status, payload)`` or None while there is none."""
        self.hear("$iothub/methods/POST/%s/?$rid=%s" % (name, rid), payload)
        self.step()
        return self.answer(rid)

    def answer(self, rid="1"):
        """What was answered to a method call."""
        for _, topic, payload, _ in self.published("methods/res"):
            if topic.endswith("$rid=" + rid):
                return int(topic.split("/")[3]), json.loads(payload)
        return None

    def published(self, part):
        """Every publish so far whose topic holds ``part``."""
        return [action for action in self.done if action[0] == "publish" and part in action[1]]

    def reports(self):
        """Every reported patch so far."""
        return [json.loads(action[2]) for action in self.published("reported")]

    def names(self):
        """The names of all actions so far."""
        return [action[0] for action in self.done]

    def said(self, part):
        """True when a log line holds ``part``."""
        return any([action[0] == "say" and part in action[2] for action in self.done])

    def rid(self, part):
        """The request id of the last publish whose topic holds ``part``."""
        return self.published(part)[-1][1].split("$rid=")[1]


class Session:
    """A console on ``device``, or on a connected one with ``app``.

    ``told`` says what the runtime answers to what it is asked for.
    """

    def __init__(self, device=None, app=None, **told):
        self.driver = None
        if device is None:
            self.driver = Driver(app, keep_alive=100000)
            self.driver.connect(reported={"configId": 1, "sendFrequency": "24h"})
            device = self.driver.device
        self.console = Console(device)
        self.told = told
        self.asked = []
        self.resets = []

    def type(self, *lines, now=60000):
        """What was printed for these lines, typed at once."""
        for line in lines:
            self.console.on_line(line)
        return self.listen(now)

    def listen(self, now=60000):
        printed = []
        while True:
            actions = self.console.step(now)
            if not actions:
                return printed
            for action in actions:
                if action[0] == "print":
                    printed.append(action[1])
                elif action[0] == "reset":
                    self.resets.append(action[1])
                elif action[0] == "do":
                    self._do(action[1:])

    def _do(self, what):
        self.asked.append(what)
        answer = self.told.get(what[0], FACTS if what[0] == "facts" else [])
        if isinstance(answer, HardwareError):
            self.console.on_done(None, answer)
        else:
            self.console.on_done(answer[what[1]] if isinstance(answer, dict) else answer)
