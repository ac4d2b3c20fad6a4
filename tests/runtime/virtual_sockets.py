"""The sockets, TLS and poll() of a line that exists in a test's world alone, and the hub at its other end.

A ``world`` has the time (``now``, ``wait()``), says how the ``line`` is (see silent_line.py), keeps what was
``heard``, answers what the hub knows (``twin()``), and is told of each call (``meet()``) and of each message
(``heed()``). For both interpreters.
"""

import struct

REFUSED = 111
IN, OUT, ERROR, HANG_UP = 1, 4, 8, 16  # of poll(), on both interpreters; the last two are always told


class Poll:
    """One select.poll() with one socket."""

    def __init__(self, world):
        self.world = world

    def register(self, socket, events):
        self.socket, self.events = socket, events

    def modify(self, socket, events):
        self.events = events

    def poll(self, ms):
        self.world.meet("poll")
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
        self.world.meet("transmit")
        if self.world.line == "stall" and not self.greeted:
            return None
        self.greeted = True
        if self.world.line != "hole":
            self._said += bytes(data)
            while self._understand():
                pass
        return len(data)

    def receive(self, size):
        self.world.meet("receive")
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
        self.world.heed(topic, rest)
        if "/twin/" in topic:
            rid = topic.split("$rid=")[1]
            if "GET" in topic:
                self.hear(packet(0x30, text("$iothub/twin/res/200/?$rid=" + rid) + self.world.twin()))
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
    """A UTF-8 string of MQTT 3.1.1, section 1.5.3; the length of one that is too long is a wrong one."""
    data = topic.encode()
    return struct.pack("!H", len(data) & 0xFFFF) + data


def packet(first, body):
    """A control packet that begins with the byte ``first``."""
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([first]) + length + body
