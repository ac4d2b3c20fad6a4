"""One call fails, whichever it is: a whole life, and afterwards the device is as it should be.

A life: the network and the clock come, the device connects, reads its twin, applies a configuration,
samples, answers a method, applies another configuration, does what is typed, restarts when it is told
to, and is ready again. All that it calls of its surroundings is counted: port, store, look-ups, sockets,
JSON. In each case one call, the k-th, raises one of the errors that such a call can raise; see RAISES.

In every case the device keeps what it has promised, and then takes a new configuration, samples,
answers a method and the console. For both interpreters; prints how many cases there were.
"""

import json
import time

from driver import EPOCH
from silent_line import Port, Store, World, packet, text

from twinkle import App
from twinkle.core import document
from twinkle.core.errors import HardwareError

BUG = ("AttributeError", AttributeError)  # in a port
MEMORY = ("MemoryError", MemoryError)
HARDWARE = ("HardwareError", lambda: HardwareError("it does not answer"))
RESET = ("ECONNRESET", lambda: OSError(104))
# What each call may raise: a port's by its contract (ports/contract.py), and where the core waits for an
# outcome, a bug in the port as well; for want of memory any of them.
RAISES = {
    "network": (HARDWARE, MEMORY),
    "utc": (MEMORY,),
    "random": (MEMORY,),
    "led": (HARDWARE, BUG, MEMORY),
    "resting": (BUG, MEMORY),
    "memory": (BUG, MEMORY),
    "own_temperature": (HARDWARE, BUG, MEMORY),
    "read_sensor": (HARDWARE, BUG, MEMORY),
    "typed": (MEMORY,),
    "show": (MEMORY,),
    "signal": (HARDWARE, MEMORY),
    "feed": (MEMORY,),
    "save": (HARDWARE, BUG, MEMORY),
    "look_up": (("ENOENT", lambda: OSError(-2)), MEMORY),
    "wrap_socket": (("OSError", lambda: OSError("TLS alert")), MEMORY),
    "transmit": (RESET, MEMORY),
    "receive": (RESET, MEMORY),
    "poll": (("EIO", lambda: OSError(5)), MEMORY),
    "loads": (MEMORY,),
    "dumps": (MEMORY,),
}
JOINED_MS = 1500  # when the network and the clock come
CALL_MS, PATCH_MS, TYPE_MS, RESTART_MS, END_MS = 5000, 7000, 8000, 10000, 16000
RESET_MS = 3000  # without the device
ASK_MS = 5000  # until somebody who has no answer asks again
PATIENCE_MS = (
    200000  # until a device is as it should be: two exchanges that nobody answers, and their back-off
)


def perilous(name):
    """The port's method of this name, which may fail."""

    def call(self, *arguments):
        self.world.meet(name)
        return getattr(Port, name)(self, *arguments)

    return call


class PerilousPort(Port):
    """A port whose calls may fail."""

    def network(self, unanswered):
        self.world.meet("network")
        return None if self.world.now >= JOINED_MS else "joining home"

    def utc(self):
        self.world.meet("utc")
        return EPOCH + self.world.now // 1000 if self.world.now >= JOINED_MS else None


for _name in RAISES:
    if hasattr(Port, _name) and _name not in ("network", "utc", "look_up"):
        setattr(PerilousPort, _name, perilous(_name))


class Records(Store):
    """Keeps what it is given, and may fail."""

    def __init__(self):
        self.kept = {}
        self.world = None

    def load(self, name, use=None):
        return self.kept.get(name)

    def save(self, name, record):
        self.world.meet("save")
        self.kept[name] = record


def application():
    app = App(config={"configId": 1, "sendFrequency": "2s"})

    @app.method("echo")
    def echo(board, payload):
        return payload

    @app.method("restart")
    def restart(board, payload):
        board.reboot()
        return {}

    return app


class Life(World):
    """A life in which the call number ``at`` raises ``error``. ``met`` names each call, in their order."""

    def __init__(self, at=None, error=None):
        self.met = []
        self._at, self._error = at, error
        self.desired = {"configId": 2, "sendFrequency": "3s", "$version": 2}
        self.reported = {"$version": 1}
        self.broken_promises = []
        self.rid = 0  # of the last call
        self.restarting = 0  # of the call that asks for a restart
        self.excused = 0  # samples that waited when the device restarted, or were dropped before
        self._asked = -ASK_MS  # when somebody typed last
        store = Records()
        store.world = self
        super().__init__(app=application(), kind=PerilousPort, store=store)
        document.json = self

    def __exit__(self, *_):
        document.json = json
        super().__exit__()

    def meet(self, name):
        """A call of this name is made."""
        self.met.append(name)
        if len(self.met) - 1 == self._at:
            raise self._error()

    def turn(self):
        """One round; a restart is one."""
        try:
            self.runner.turn()
        except SystemExit as end:
            assert end.args[0] == 3, "it ended"
            if self.ready() and not self.answered(self.restarting):
                self.broken_promises.append("it restarted before it had answered")
            # Without a disk it promises nothing of samples that wait.
            self.excused += len(self.device.telemetry) + self.device.telemetry.dropped
            self.connection = None
            self.now += RESET_MS
            self.boot()
        self.now += 1

    # --- the hub

    def twin(self):
        return self.dumped({"desired": self.desired, "reported": self.reported})

    def dumped(self, value):
        return json.dumps(value).encode()

    def heed(self, topic, body):
        """What the device has published."""
        if "reported" in topic:
            patch = json.loads(body)
            for name, value in patch.items():
                if value is None:
                    self.reported.pop(name, None)
                else:
                    self.reported[name] = value
            kept = self.store.kept.get("config") or {}
            if patch.get("status") == "Success" and kept.get("configId") != self.reported.get("configId"):
                self.broken_promises.append("reported before it was stored")

    def configure(self, number):
        """Somebody desires this configuration."""
        self.desired.update({"configId": number, "$version": self.desired["$version"] + 1})
        if self.ready():
            version = self.desired["$version"]
            topic = text(f"$iothub/twin/PATCH/properties/desired/?$version={version}")
            body = self.dumped({"configId": number, "$version": version})
            self.connection.hear(packet(0x30, topic + body))

    def ask(self, name):
        """Somebody calls a method; the number of the call."""
        self.rid += 1
        if self.ready():
            topic = text(f"$iothub/methods/POST/{name}/?$rid={self.rid}")
            self.connection.hear(packet(0x30, topic + b"7"))
        return self.rid

    def answered(self, rid):
        """How often this call has been answered."""
        return len(
            [topic for topic, _ in self.heard if topic.endswith(f"?$rid={rid}") and "methods" in topic]
        )

    def numbers(self):
        """Of the samples that have arrived; one for which the sensor gave nothing has none."""
        bodies = [body for topic, body in self.heard if "messages/events" in topic]
        return [number for number in [json.loads(body)["n"] for body in bodies] if number is not None]

    # --- a life

    def let(self, condition, ms=PATIENCE_MS):
        """Let time pass until this holds."""
        end = self.now + ms
        while not condition():
            if self.now > end:
                raise AssertionError("it does not come back:\n" + "\n".join(self.lines[-12:]))
            self.turn()

    def ask_until_answered(self, name):
        """Call a method as its caller would, who tries again when nobody has answered in time."""
        while True:
            self.let(self.ready)
            rid, begun = self.ask(name), self.now
            self.let(lambda: self.answered(rid) or self.now > begun + ASK_MS)  # noqa: B023
            if self.answered(rid):
                return rid

    def live(self):
        """All that happens, without an eye on what comes of it."""
        port = self.port
        self.let(lambda: self.now >= CALL_MS)
        self.ask("echo")
        self.let(lambda: self.now >= PATCH_MS)
        self.configure(3)
        port.keys.append((TYPE_MS, "led on"))
        port.keys.append((TYPE_MS + 500, "status"))
        self.let(lambda: self.now >= RESTART_MS)
        self.restarting = self.ask("restart")
        self.let(lambda: self.now >= END_MS)

    def judge(self):
        """The device is as it should be, and has kept what it promised."""
        self.let(self.ready)
        self.let(lambda: self.applied(3))
        self.configure(9)
        self.let(lambda: self.applied(9))
        self.ask_until_answered("echo")
        port = self.port
        del port.answers[:]
        self.let(self.console_answers)
        begun = len(port.taken)
        self.let(lambda: len(port.taken) >= begun + 3)
        self.let(lambda: not len(self.device.telemetry))
        assert not self.broken_promises, self.broken_promises
        for rid in range(1, self.rid + 1):
            assert self.answered(rid) <= 1, "a call was answered twice"
        self.judge_samples()

    def applied(self, number):
        """The hub has been told that this configuration is in force."""
        return self.reported.get("configId") == number and self.reported.get("status") == "Success"

    def console_answers(self):
        """Somebody types until there is an answer."""
        port = self.port
        if not port.keys and self.now - self._asked >= ASK_MS:
            self._asked = self.now
            port.keys.append((self.now, "version"))
        return [shown for _, shown in port.answers if shown == "ok"]

    def judge_samples(self):
        """Every sample has arrived, but for those lost with a restart, or of which the log says so."""
        taken = {number for _, number in self.port.taken}
        excused = self.excused + len([line for line in self.lines if " error " in line])
        missing = taken - set(self.numbers())
        assert len(missing) <= excused, (missing, excused, self.lines[-20:])

    # --- in the place of the modules socket, select, json; what they do is in silent_line.py

    def loads(self, data):
        self.meet("loads")
        return json.loads(data)

    def dumps(self, value):
        self.meet("dumps")
        return json.dumps(value)

    def look_up(self, host, port):
        self.meet("look_up")
        return super().look_up(host, port)

    def wrap_socket(self, *arguments, **names):
        self.meet("wrap_socket")
        return super().wrap_socket(*arguments, **names)


def cases(met):
    """``(number, name, error's name, error)`` of each case."""
    for at, name in enumerate(met):
        for label, error in RAISES[name]:
            yield at, name, label, error


def judge_each(life_of, met, chosen, begun):
    """Live and judge a life for each ``(at, name, label, error)`` of ``chosen``, the one failure in it."""
    count, failed = 0, []
    for at, name, label, error in chosen:
        count += 1
        with life_of(at, error) as life:
            try:
                life.live()
                life.judge()
            except Exception as trouble:
                failed.append(f"call {at}, {name}, {label}: {type(trouble).__name__}: {trouble}")
    print(f"sweep: one failure in {len(met)} calls: {count} cases in {time.time() - begun:.0f} s")
    assert not failed, "\n".join(failed)


def test_whichever_call_fails_the_device_keeps_its_promises_and_goes_on():
    begun = time.time()
    with Life() as life:
        life.live()
        met = list(life.met)
        life.judge()
    assert set(met) == set(RAISES), "a life calls all of these"
    judge_each(Life, met, cases(met), begun)
