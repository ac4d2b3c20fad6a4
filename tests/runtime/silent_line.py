"""The device's whole runtime on a line that falls silent, in virtual time. For both interpreters.

Real are umqtt.simple, the stream, the connection, the runner, the core, the terminal and the
console. Simulated are the sockets and TLS under them, the port, the store and the time. The
line is ``good``; or ``hole``: nothing passes, and nobody answers a new connection; or
``stall``: connections are made, and TLS waits for a peer that says nothing.
"""

import struct

from driver import CONNECTION, EPOCH

from twinkle import App
from twinkle.core.connection_string import parse
from twinkle.core.device import Device
from twinkle.core.errors import HardwareError
from twinkle.ports.contract import Port as Contract
from twinkle.ports.dht_facts import Rest
from twinkle.runtime import compat, log, terminal
from twinkle.runtime.runner import Runner

TWIN = b'{"desired":{"$version":1},"reported":{"$version":1}}'
REPLACED = ("socket", "select", "own", "look_up")
NO_ADDRESS, REFUSED = -2, 111
LATE_MS = (1, 4, 2, 7, 1, 3)  # how much later than it was told a wait ends
IN, OUT, ERROR, HANG_UP = 1, 4, 8, 16  # of poll(), on both interpreters; the last two are always told


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

    def __init__(self, frequency="2s", capacity=100, app=None):
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
        self.port = Port(self)
        self.lines = []
        self.log = log.Log(self.lines.append, self.ticks)
        umqtt = compat.load_umqtt()
        guard(umqtt)
        app = app or App(config={"configId": 1, "sendFrequency": frequency})
        app.telemetry(lambda board: {"n": board.temperature})
        self.device = Device(app, parse(CONNECTION), {}, self.port.random, waiting={"capacity": capacity})
        self.runner = Runner(
            *(self.device, self.port, Store(), self.log, terminal.Terminal(self.port)),
            *(umqtt, self, 60),
        )

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


class Poll:
    """One select.poll() with one socket."""

    def __init__(self, world):
        self.world = world

    def register(self, socket, events):
        self.socket, self.events = socket, events

    def modify(self, socket, events):
        self.events = events

    def poll(self, ms):
        self.world.polls += 1
        ready = self.world.wait(ms, lambda: (self.events | ERROR | HANG_UP) & self.socket.ready())
        return [(self.socket, ready)] if ready else []


class Own:
    """In the place of on_cpython or on_micropython, which the rest is taken of."""

    def __init__(self, world, own):
        self.ticks = world.ticks
        self.name_modules = own.name_modules

    def ticks_diff(self, later, earlier):
        return later - earlier

    def transmit(self, socket, data):
        return socket.transmit(data)

    def receive(self, socket, size):
        return socket.receive(size)

    def pending(self, socket):
        return False

    def holds(self, socket):
        return True


class Socket:
    """A socket, TLS over it, and the hub at its other end."""

    def __init__(self, world):
        self.world = world
        self.greeted = False
        self._said, self._due = b"", b""

    def setblocking(self, blocking):
        pass

    def connect(self, address):
        self.address = address
        raise OSError(115)

    def recv(self, size):
        raise OSError(REFUSED)

    def close(self):
        if self.world.unclosed:
            raise self.world.unclosed

    def ready(self):
        if self.address[0] != self.world.address:
            return OUT | HANG_UP  # nobody listens there
        if self.world.line == "hole" and not self.greeted:
            return 0  # nobody has accepted yet
        return OUT | IN if self._due and self.world.line == "good" else OUT

    def transmit(self, data):
        if self.world.line == "stall" and not self.greeted:
            return None
        self.greeted = True
        if self.world.line != "hole":
            self._said += bytes(data)
            while self._understand():
                pass
        return len(data)

    def receive(self, size):
        if self.world.line != "good" or not self._due:
            return None
        data, self._due = self._due[:size], self._due[size:]
        return data

    def hear(self, data):
        self._due += data

    def _understand(self):
        # One packet of the device's, and the hub's answer.
        said, size, at = self._said, 0, 1
        while True:
            if at >= len(said):
                return False
            size |= (said[at] & 0x7F) << (7 * (at - 1))
            at += 1
            if not said[at - 1] & 0x80:
                break
        if len(said) < at + size:
            return False
        first, body = said[0], said[at : at + size]
        self._said = said[at + size :]
        if first == 0x10:
            self.hear(b"\x20\x02\x00\x00")
        elif first == 0x82:
            self.hear(b"\x90\x03" + body[:2] + b"\x01")
        elif first == 0x40:
            self.world.acknowledged.append((self.world.now, struct.unpack("!H", body)[0]))
        elif first == 0xC0:
            self.hear(b"\xd0\x00")
        elif first & 0xF0 == 0x30:
            self._take(first, body)
        return True

    def _take(self, first, body):
        size = struct.unpack("!H", body[:2])[0]
        topic, rest = str(body[2 : 2 + size], "utf-8"), body[2 + size :]
        if first & 2:
            acknowledgement = b"\x40\x02" + rest[:2]
            rest = rest[2:]
            if self.world.mute:
                self.world.unacknowledged.append(acknowledgement)
            else:
                self.hear(acknowledgement)
        self.world.heard.append((topic, rest))
        if "/twin/" in topic:
            rid = topic.split("$rid=")[1]
            if "GET" in topic:
                self.hear(packet(0x30, text("$iothub/twin/res/200/?$rid=" + rid) + TWIN))
            else:
                self.hear(packet(0x30, text("$iothub/twin/res/204/?$rid=" + rid + "&$version=2")))


def guard(umqtt):
    """Have umqtt.simple fail when it is called while it is at work."""
    kind = umqtt.MQTTClient
    if hasattr(kind, "guarded"):
        return
    kind.guarded = []

    def guarded(function):
        def call(self, *arguments):
            if kind.guarded:
                raise SystemExit("umqtt.simple was called while it was at work")
            kind.guarded.append(1)
            try:
                return function(self, *arguments)
            finally:
                kind.guarded.pop()

        return call

    for name in ("connect", "disconnect", "publish", "ping", "subscribe", "check_msg"):
        setattr(kind, name, guarded(getattr(kind, name)))


def text(topic):
    return struct.pack("!H", len(topic)) + topic.encode()


def packet(first, body):
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([first]) + length + body
