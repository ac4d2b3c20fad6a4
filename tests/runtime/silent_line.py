"""The device's whole runtime on a line that falls silent, in virtual time. For both interpreters.

Real are umqtt.simple, the stream, the connection, the runner, the core, the terminal and the
console. Simulated are the sockets and TLS under them, the port, the store and the time. The
line is ``good``; or ``hole``: nothing passes, and nobody answers a new connection; or
``stall``: connections are made, and TLS waits for a peer that says nothing.
"""

import struct

from driver import CONNECTION, EPOCH
from virtual_sockets import ERROR, HANG_UP, IN, OUT, Own, Poll, Socket, guard, packet, text

from twinkle import App, compat
from twinkle.core.connection_string import parse
from twinkle.core.device import Device
from twinkle.core.errors import HardwareError
from twinkle.ports.contract import Port as Contract
from twinkle.ports.dht_facts import Rest
from twinkle.runtime import log, terminal
from twinkle.runtime.runner import Runner

TWIN = b'{"desired":{"$version":1},"reported":{"$version":1}}'
REPLACED = ("socket", "select", "own", "look_up")
NO_ADDRESS = -2
LATE_MS = (1, 4, 2, 7, 1, 3)  # how much later than it was told a wait ends


class Port(Contract):
    """A board whose time is a number. ``shown``, ``taken`` and ``answers`` record what happened when."""

    def __init__(self, world):
        self.world = world
        self.keys = []  # (milliseconds, line) to be typed
        self.shown = []  # (milliseconds, level) of the LED
        self.taken = []  # (milliseconds, number) of samples
        self.answers = []  # (milliseconds, text) that the console showed
        self.resets = []
        self.broken = None  # an error that the LED raises, once
        self.unread = None  # an error that the sensor raises, once
        self.fed = self.longest = 0  # when the watchdog was fed; the longest time without
        self._rest = Rest()

    def ticks(self):
        return self.world.now

    def utc(self):
        return EPOCH + self.world.now // 1000

    def random(self):
        return 0.5

    def sleep(self, ms):
        self.world.wait(ms)

    def led(self, level):
        error, self.broken = self.broken, None
        if error:
            raise error
        self.shown.append((self.world.now, level))

    def read_sensor(self):
        return self._rest.sample(self.ticks, self._measure)

    def resting(self):
        return self._rest.left(self.world.now)

    def _measure(self):
        error, self.unread = self.unread, None
        if error:
            raise error
        self.taken.append((self.world.now, len(self.taken)))
        return len(self.taken) - 1, 50

    def memory(self):
        return 1

    def typed(self):
        typed = b""
        while self.keys and self.keys[0][0] <= self.world.now:
            typed += self.keys.pop(0)[1].encode() + b"\r"
        return typed

    def show(self, data):
        self.answers.append((self.world.now, str(data, "utf-8").strip()))
        return len(data)

    def scan(self):
        return [("home", -50)]

    def hold(self):
        pass

    def feed(self):
        self.longest = max(self.longest, self.world.now - self.fed)
        self.fed = self.world.now

    def reset(self, reason, wanted=True):
        self.resets.append((self.world.now, reason))
        raise SystemExit(3)


class Store:
    """Keeps nothing."""

    writes = 0
    damaged = ()

    def load(self, name, use=None):
        return None

    def save(self, name, record):
        if name == "full":
            raise HardwareError("flash: full")


class World:
    """One device and its hub. ``heard``: ``(topic, body)`` of what was published and has arrived."""

    def __init__(self, frequency="2s", capacity=100, app=None, kind=Port, store=None):
        self.now = 0
        self.line = "good"
        self.mute = False  # the hub takes everything and acknowledges no message
        self._later = []
        self.polls = 0
        self.address = "127.0.0.1"  # the hub's
        self.name_server = 0  # how many milliseconds a look-up takes to fail; 0: it succeeds
        self.look_ups = []  # (milliseconds, how many it took)
        self.unclosed = None  # what closing a connection raises
        self.heard = []
        self.unacknowledged = []
        self.acknowledged = []  # (milliseconds, packet id) of what the device has acknowledged
        self._late = 0
        self._before = [(name, getattr(compat, name)) for name in REPLACED]
        compat.own = Own(self, compat.own)
        compat.socket = compat.select = self
        compat.look_up = self.look_up
        self.lines = []
        self._app = app or App(config={"configId": 1, "sendFrequency": frequency})
        self._app.telemetry(lambda board: {"n": board.temperature})
        self._capacity = capacity
        self.store = store or Store()
        self._umqtt = compat.load_umqtt()
        guard(self._umqtt)
        self.port = kind(self)
        self.boot()

    def boot(self):
        """The device starts, with what its store holds."""
        self.log = log.Log(self.lines.append, self.ticks)
        records = {"config": self.store.load("config"), "reboot": self.store.load("reboot")}
        self.device = self.build(
            *(self._app, parse(CONNECTION), records, self.port.random, 60, self.now, None),
            {"capacity": self._capacity},
        )
        self.runner = Runner(
            *(self.device, self.port, self.store, self.log, terminal.Terminal(self.port)),
            *(self._umqtt, self, 60),
        )

    def build(self, *arguments):
        """What the device is."""
        return Device(*arguments)

    def meet(self, name):
        """The device makes a call of this name to its surroundings."""

    def heed(self, topic, body):
        """The hub has got this message."""

    def twin(self):
        """What the hub answers a device that reads its twin."""
        return TWIN

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name, value in self._before:
            setattr(compat, name, value)

    def run(self, ms):
        """Let time pass."""
        end = self.now + ms
        while self.now < end:
            self.runner.turn()
            self.now += 1

    def until(self, condition, ms=300000):
        """Let time pass until this holds."""
        end = self.now + ms
        while not condition():
            assert self.now < end, "it did not happen:\n" + "\n".join(self.lines[-20:])
            self.run(1)

    def ready(self):
        """Whether the device is."""
        return self.device.link.state == "ready"

    def said(self, part):
        """How many lines of the log hold this."""
        return len([line for line in self.lines if part in line])

    def numbers(self):
        """``(number, time it carries)`` of the messages that have arrived."""
        found = []
        for topic, body in self.heard:
            if "messages/events" in topic:
                time = topic.split("ctime=")[1][:24]
                found.append((int(str(body, "utf-8")[6:-1]), time))
        return found

    def at(self, moment, do):
        """Have something happen then, whatever the device does; to be said in the order of the moments."""
        self._later.append((moment, do))

    def acknowledge(self):
        """The hub acknowledges what it has not, and the rest as it comes."""
        self.mute = False
        for acknowledgement in self.unacknowledged:
            self.connection.hear(acknowledgement)

    def notify(self, number):
        """The hub sends a message of QoS 1 that the device has nothing to say to."""
        topic = text("$iothub/twin/PATCH/properties/desired/?$version=1")
        self.connection.hear(packet(0x32, topic + struct.pack("!H", number) + b"{}"))

    def call(self, name):
        """The hub calls a method."""
        self.connection.hear(packet(0x30, text("$iothub/methods/POST/" + name + "/?$rid=1") + b"null"))

    # --- the names

    def look_up(self, host, port):
        """As the system's resolver: without a name server it blocks, for 14 s in lwIP (MEMP timers of
        dns.c: four tries of each of two servers), for 10 s in glibc (resolv.conf(5): two tries of 5 s)."""
        self.look_ups.append((self.now, self.name_server))
        self.now += self.name_server
        if self.name_server:
            raise OSError(NO_ADDRESS)
        return [(2, 1, 0, "", (self.address, port))]

    # --- the time

    def ticks(self):
        return self.now

    def wait(self, ms, ready=lambda: 0):
        self._late = (self._late + 1) % len(LATE_MS)
        end = self.now + ms + LATE_MS[self._late]
        while not ready() and self._later and self._later[0][0] <= end:
            moment, do = self._later.pop(0)
            self.now = max(self.now, moment)
            do()
        if not ready():
            self.now = max(self.now, end)
            return 0
        self.now += 1
        return ready()

    # --- in the place of the modules socket and select, of a TLS context and of poll()

    SOCK_STREAM = 1
    POLLIN, POLLOUT, POLLERR, POLLHUP = IN, OUT, ERROR, HANG_UP

    def socket(self, *_):
        self.connection = Socket(self)
        return self.connection

    def wrap_socket(self, plain, server_hostname, do_handshake_on_connect):
        plain.name = server_hostname
        return plain

    def poll(self):
        return Poll(self)
