"""What a hub or a person can send that nobody should, by seeds, and what must hold all the same.

Left out, by name, is what restarts a device on purpose: the methods ``rebootDevice`` and
``reboot``, and the console's ``reboot``, ``hold`` and ``factory-reset`` (which asks for the
device's id). Any other restart is a fault.
"""

import gc
import json
import random

from driver import CONNECTION, EPOCH, FACTS, KEY, Outcomes

from twinkle import App
from twinkle.core.connection_string import parse
from twinkle.core.console import MOST_WAITING, Console
from twinkle.core.device import Device
from twinkle.core.errors import BadRequest, HardwareError, HubError
from twinkle.core.handlers import LARGEST, MAX_TASKS, REMEMBERED
from twinkle.core.link import OFFLINE
from twinkle.core.provisioning import Onboarding
from twinkle.core.telemetry import CAPACITY

REGISTRATION = "IdScope=0ne1;RegistrationId=MyDevice01;SharedAccessKey=" + KEY
RESTARTS = ("rebootDevice", "reboot", "hold", "factory-reset")
APPLICATIONS = ("environment", "thermostat", "temperature_controller", "climate")
SCALARS = (
    'null|true|false|0|-1|1.5|1e999|-1e999|1e-999|NaN|Infinity|4503599627370496|99999999999999999999|""|"x"|"30s"|'
    '"0s"|"9d"|"\\ud800"|"\\u0000"|"\u00e9\u20ac"|"2026-11-21T08:30:00Z"|"9999-99-99T99:99:99+99:99"|'
    '"\\r\\nok\\u001b[2J"|"true"|[]|{}'
).split("|")
KEYS = (
    "configId|sendFrequency|brightness|name|targetTemperature|thermostat1|thermostat2|components|climate|fanOn|"
    "minTemperature|patchId|value|__t|a||$version|desired|reported|status|sensor|lastError|safeMode|wish"
).split("|")
METHODS = "blink|turnon|echo|later|never|nothing||%ff|%00|a%2Fb|\u00e9|a*b|thermostat1*getMaxMinReport".split(
    "|"
)
RIDS = "1|2|console||%26|a&b|\u00e9|%|/+#".split("|")
TOPICS = (
    "|/|$iothub|$iothub/|$iothub/twin/res|$iothub/twin/res/|$iothub/methods/POST/|$iothub/twin/res/\u00b2/?$rid=1|"
    "$iothub/streams/POST/x/?$rid=1|$iothub/twin/PATCH/properties/desired/|\x00|\u00e9|"
    "$iothub/twin/PATCH/properties/desired/?$version=\u00b2|devices/MyDevice01/messages/devicebound/|"
    "devices/MyDevice01/messages/devicebound/%ff=%|devices/MyDevice01/messages/devicebound/a&b=%24&=&&|"
    "$dps/registrations/res/202/?$rid=1|devices/other/messages/devicebound/"
).split("|")
HUBS = '"contoso.azure-devices.net"|"localhost"|"a..b"|""|null|5|"\\u00e9"|"MyDevice01"|"a/b"|{}'.split("|")
LINES = (
    "help|status|read|config|methods|selftest|version|log|log debug|log x|led|led on|led blink nan|led blink 1e999|"
    'led blink -1|led brightness nan|led blink 2 2|wifi|wifi scan|wifi set "a|wifi set a "b c"|call|call echo {|'
    '__init__|_whole|do_help|call echo "\\ud800"|call echo 1e999|call later 3|call never|call nothing|factory-reset|'
    "factory-reset you|help me|call blink 0.5|call echo [[[[[[[[[[[["
).split("|")
LIVES, INPUTS = 80, 80  # so many seeds, so many inputs each
LONGEST = 1200  # characters of what is long; what a device of little memory must do then is the runtime's


class Chance:
    """Choices by a seed."""

    def __init__(self, seed):
        random.seed(seed)

    def below(self, number):
        return random.getrandbits(30) % number

    def one(self, choices):
        return choices[self.below(len(choices))]

    def text(self, choices):
        """One of these, or noise."""
        return (
            self.one(choices)
            if self.below(8)
            else "".join([chr(self.below(300)) for _ in range(self.below(9))])
        )

    def value(self, depth=3):
        """JSON, or nearly."""
        kind = self.below(6)
        if depth == 0 or kind < 3:
            return self.one(SCALARS)
        if kind == 3:
            return "[" + ",".join([self.value(depth - 1) for _ in range(self.below(3))]) + "]"
        if kind == 4 and not self.below(6):
            return self.long()
        return self.members(depth - 1)

    def members(self, depth):
        pairs = [self.key() + ":" + self.value(depth) for _ in range(self.below(4))]
        return "{" + ",".join(pairs) + "}"

    def key(self):
        # Not every JSON parser of the field wants a text there.
        return json.dumps(self.one(KEYS)) if self.below(12) else self.one(("1", "null", "1.5", "true"))

    def long(self):
        kind, size = self.below(4), self.below(LONGEST)
        if kind == 0:
            return '{"a":' * size + "1" + "}" * size
        return "[" * size + "]" * size if kind == 1 else "9" * size if kind == 2 else '"' + "x" * size + '"'

    def payload(self):
        """Bytes; None for a message that was too large to take."""
        kind = self.below(12)
        if kind == 0:
            return None
        if kind == 1:
            return bytes([self.below(256) for _ in range(self.below(40))])
        text = self.members(3) if kind < 6 else self.value()
        if kind == 11:
            text = text[: self.below(len(text) + 1)]
        return text.encode()


def application(chance):
    """One that comes with the device, or one that gives back all it is given."""
    name = chance.one(APPLICATIONS + ("echo",) * 4)
    if name != "echo":
        return getattr(__import__("apps." + name), name).app
    app = App(model_id="dtmi:twinkle:Echo;1", config={"configId": 1, "sendFrequency": "24h"})
    app.telemetry(lambda board: {"temp": board.temperature, "humid": board.humidity})
    app.method("echo")(lambda board, payload: payload)
    app.message(lambda board, properties, payload: board.log("%s %s" % (properties, payload)))
    app.desired("wish")(lambda board, delta, merged: board.report({"wish": delta}))
    app.writable("name", initial="me")(lambda board, value: None)

    @app.method("later")
    def later(board, payload):
        yield 202, payload
        yield 3
        return payload

    @app.method("never")
    def never(board, payload):
        while True:
            yield 3600

    return app


def topic(chance, device, asked):
    """Where a message for ``device`` goes; ``asked`` are the request ids that it has chosen."""
    kind = chance.below(8)
    rid = chance.one(asked) if asked and chance.below(3) else chance.text(RIDS)
    if kind < 3:
        known = [name for name in sorted(device.app.methods) if name not in RESTARTS]
        name = chance.one(known) if known and chance.below(2) else chance.text(METHODS)
        return "$iothub/methods/POST/%s/?$rid=%s" % (name, rid)
    if kind < 5:
        return "$iothub/twin/res/%s/?$rid=%s" % (
            chance.one(("200", "204", "400", "429", "500", "0")),
            rid,
        )
    if kind < 7:
        version = device.twin.version + chance.below(4) - 1
        return "$iothub/twin/PATCH/properties/desired/?$version=%d" % version
    return chance.text(TOPICS)


MOST_REPORTERS = 5  # config, reboot, sensor, app, device


class Life(Outcomes):
    """A device among the hostile, in virtual time; what it does is checked as it does it."""

    def __init__(self, seed):
        self.seed = seed
        self.chance = Chance(seed)
        self.now = 0
        self.asked = []  # request ids of the device's own
        self.inputs = 0
        self.short = 0  # of these, how many there was no memory for
        self.device = self.make()
        self.console = Console(self.device)
        self.device.on_time(EPOCH, 0)

    def make(self):
        return Device(application(self.chance), parse(CONNECTION), {}, lambda: 0.5)

    def live(self, inputs=INPUTS):
        """So many things happen; what goes wrong is told with the seed and the input's number."""
        for _ in range(inputs):
            self.inputs += 1
            try:
                self.happen()
                self.step()
                self.check()
            except MemoryError:
                # As the runtime does: the connection and the console are given up.
                gc.collect()
                self.short += 1
                self.console = Console(self.device)
                self.lost("out of memory")
            except Exception as error:
                print("seed %d, input %d" % (self.seed, self.inputs))
                raise error

    def happen(self):
        chance, device = self.chance, self.device
        kind = chance.below(16)
        if kind < 8:
            device.on_message(self.topic(), chance.payload(), self.now)
        elif kind < 11:
            line = chance.text(LINES)
            if line.split(" ")[0] not in RESTARTS:
                self.console.on_line(line if chance.below(3) else line + " --json")
        elif kind == 11:
            self.answer_twin()
        elif kind == 12:
            self.lost("the line was cut" if chance.below(4) else HubError("no", code=5))
        elif kind == 13:
            self.now += chance.below(70000)
        elif kind == 14:
            device.on_heard(self.now)
        else:
            device.on_network(self.now)

    def topic(self):
        return topic(self.chance, self.device, self.asked)

    def answer_twin(self):
        # A good answer now and then: what is behind READY is to be reached, too.
        if self.asked:
            body = b'{"desired":{"configId":%d,"$version":%d},"reported":{"$version":1}}'
            body = body % (self.chance.below(5), self.chance.below(9))
            self.device.on_message("$iothub/twin/res/200/?$rid=" + self.asked[-1], body, self.now)

    def step(self):
        self.now += self.chance.below(3000)
        for _ in range(20):
            actions = self.device.step(self.now) + self.console.step(self.now)
            for action in actions:
                self.perform(*action)
            if not actions:
                break
        assert self.device.due(self.now) >= self.now

    def perform(self, what, *rest):
        """What the runtime does with an action, strictly: each must be one that it can perform."""
        getattr(self, "_" + what)(*rest)

    def _connect(self, username, expiry):
        self.asked = []
        self.connected()

    def _publish(self, topic, payload, qos):
        assert len(topic) == len(topic.encode()) < 65536, topic[:80]
        assert len(payload) <= LARGEST
        if payload:
            text = payload.decode()
            json.loads(text)
            for word in ("NaN", "Infinity", "inf", "nan"):
                assert word not in text, text[:80]
        if qos:
            self.sent()
        elif "$rid=" in topic:
            self.asked.append(topic.split("$rid=")[1].split("&")[0])
            self.asked = self.asked[-3:]

    def _store(self, name, record):
        json.dumps(record)
        self.stored(name, None if self.chance.below(4) else "flash is full")

    def _read(self):
        if self.chance.below(3):
            self.reading({"temperature": 21.5, "humidity": 40.0, "memory": 1})
        else:
            self.reading({"failed": "the sensor did not answer"})

    def _led(self, level):
        assert 0 <= level <= 1

    def _say(self, level, text):
        assert isinstance(text, str)

    def _print(self, text):
        assert isinstance(text, str)

    def _ping(self):
        pass

    def _disconnect(self):
        pass

    def _do(self, what, *arguments):
        if self.chance.below(3):
            answers = {"facts": FACTS, "test": "ok", "read": [("temperature", 21.5)]}
            self.console.on_done(answers.get(what, []))
        else:
            self.console.on_done(None, self.chance.one((HardwareError("broken"), BadRequest("no"))))

    def _reset(self, reason, wanted=True):
        link = self.device.link
        assert link.state == OFFLINE and link.abandoned(self.now) and not wanted, "it restarts: " + reason

    def check(self):
        """Nothing has grown beyond its cap."""
        device = self.device
        assert len(device.telemetry) <= CAPACITY
        assert len(device.tasks._running) <= MAX_TASKS
        assert len(device.methods._open) <= MAX_TASKS + 1  # one that the console waits for
        assert len(device.methods._answered) <= REMEMBERED + 1
        assert len(device.context.reports) <= MOST_REPORTERS
        assert len(self.console._waiting) <= MOST_WAITING


class Newcomer(Life):
    """The same, before it is told its hub: the provisioning service is the hostile one."""

    def make(self):
        registration = parse(REGISTRATION)
        build = lambda who, now: Device(application(self.chance), who, {}, lambda: 0.5, now=now)  # noqa: E731
        return Onboarding(registration, None, build, "dtmi:twinkle:Echo;1", lambda: 0.5, 0)

    def topic(self):
        chance = self.chance
        if self.device.identity.assigned:
            return super().topic()
        rid = self.asked[-1] if self.asked and chance.below(4) else chance.text(RIDS)
        status = chance.one(("200", "202", "202", "401", "429", "500", "\u00b2", "9" * 20, ""))
        after = chance.one(("", "&retry-after=3", "&retry-after=\u00b2", "&retry-after=" + "9" * 20, "&%ff"))
        return "$dps/registrations/res/%s/?$rid=%s%s" % (status, rid, after)

    def answer_twin(self):
        if self.device.identity.assigned:
            super().answer_twin()
        elif self.asked:
            state = '{"assignedHub":%s,"deviceId":%s}' % (self.chance.one(HUBS), self.chance.one(HUBS))
            body = '{"status":"assigned","operationId":%s,"registrationState":%s}'
            body = body % (self.chance.value(1), state if self.chance.below(4) else self.chance.value(2))
            topic = "$dps/registrations/res/%s/?$rid=%s" % (self.chance.one(("200", "202")), self.asked[-1])
            self.device.on_message(topic, body.encode(), self.now)

    def check(self):
        if hasattr(self.device, "configuration"):
            super().check()
