"""The device's whole runtime on a line to a hub that sends anything, by seeds, in virtual time.

Real are umqtt.simple, the stream, the runner, the core, the terminal, the console, the log and
the store; what is simulated is TLS over TCP, the port and the time. Written in what both
interpreters have: ``python hostile_line.py FOLDER FIRST LAST TURNS``.
"""

import gc
import os
import struct
import sys

from driver import CONNECTION, EPOCH
from hostile import LINES, RESTARTS, Chance, application, topic
from virtual_sockets import packet, text

from twinkle import compat
from twinkle.core.connection_string import parse
from twinkle.core.device import Device
from twinkle.ports.contract import Port as Contract
from twinkle.runtime import log, terminal
from twinkle.runtime.runner import Runner
from twinkle.runtime.store import Store

WATCHDOG_MS = 8388  # RP2040 data sheet, section 4.7
TURN_MS = 60000  # no exchange with the hub takes longer
TWIN = b'{"desired":{"configId":%d,"$version":%d},"reported":{"$version":1}}'


class Wrong(BaseException):
    """The device is at fault. No Exception, which the runtime would take for one of the line's."""


def must(fact, text=""):
    if not fact:
        raise Wrong(text)


class Port(Contract):
    """Counts the time, and that the watchdog is fed."""

    def __init__(self, chance):
        self.chance = chance
        self.now = self.fed = 0
        self.settings = {}
        self.keys = b""

    def ticks(self):
        return self.now

    def work(self, ms=1):
        """Something took this long."""
        self.now += ms
        must(self.now - self.fed < WATCHDOG_MS, "the watchdog would have bitten")

    def utc(self):
        return EPOCH + self.now // 1000

    def random(self):
        return 0.5

    def sleep(self, ms):
        self.work(ms)

    def led(self, level):
        must(0 <= level <= 1)

    def read_sensor(self):
        return 21.5, 40.0

    def memory(self):
        return 1

    def feed(self):
        self.fed = self.now

    def typed(self):
        chance = self.chance
        kind = chance.below(12)
        if not self.keys and kind < 4:
            line = chance.text(LINES)
            if line.split(" ")[0] not in RESTARTS:
                self.keys = line.encode() + b"\r"
        elif kind == 4:
            self.keys += bytes([chance.below(256) for _ in range(chance.below(40))])
        elif kind == 5:
            self.keys = b"x" * 3000
        data, self.keys = self.keys[:1000], self.keys[1000:]
        return data

    def show(self, data):
        return self.chance.below(len(data) + 1)


class Line:
    """Stands where the runtime has its TLS connection; ``world`` is a Hostile."""

    def __init__(self, world, host):
        self.world = world
        self.said = bytearray()  # by the device, and not yet understood
        self.due = bytearray()  # what the device is to hear
        self.flood = b""  # what it hears for ever
        self.closed = False

    def transmit(self, data):
        chance = self.world.chance
        self.world.port.work()
        if not chance.below(30):
            return chance.one((0, None))
        size = 1 + chance.below(len(data))
        self.said.extend(data[:size])
        while self._understand():
            pass
        return size

    def holds(self):
        return not self.world.chance.below(2)

    def receive(self, size):
        chance = self.world.chance
        self.world.port.work()
        if self.flood and not self.due:
            self.due.extend(self.flood)
        if not self.due:
            return b"" if self.closed else None
        size = 1 + chance.below(min(size, len(self.due)))
        data = bytes(self.due[:size])
        self.due = self.due[size:]
        return data

    def wait(self, ms, writing=False):
        if writing or self.due or self.flood or self.closed:
            return True
        if self.world.chance.below(3):
            self.world.trouble(self)
            return bool(self.due)
        self.world.port.work(ms)
        return False

    def close(self):
        pass

    def _understand(self):
        # One packet of the device's, which must be as MQTT 3.1.1 has it; and the answer to it.
        said = self.said
        size, shift, at = 0, 0, 1
        while True:
            if at >= len(said):
                return False
            size |= (said[at] & 0x7F) << shift
            at += 1
            if not said[at - 1] & 0x80:
                break
            shift += 7
            must(shift < 28)
        if len(said) < at + size:
            return False
        first, body = said[0], bytes(said[at : at + size])
        self.said = said[at + size :]
        must(first in (0x10, 0x30, 0x32, 0x40, 0x82, 0xC0, 0xE0), "it sent a packet %d" % first)
        self.world.answer(self, first, body)
        return True


class Hostile:
    """One device, its port and its hub."""

    def __init__(self, seed, folder):
        self.chance = chance = Chance(seed)
        self.port = Port(chance)
        self.asked = []  # request ids of the device's own
        self.line = None
        self.turns = 0
        compat.Connection = self.connect
        compat.answers = lambda address, ms, idle: bool(chance.below(2))
        compat.look_up = lambda host, port: [(2, 1, 0, "", ("127.0.0.1", port))]
        self.log = log.Log(lambda line: self.terminal.note(line), self.port.ticks)
        self.terminal = terminal.Terminal(self.port)
        self.store = Store(folder, self.log.say)
        self.store.clear()
        device = Device(application(chance), parse(CONNECTION), {}, self.port.random, now=0)
        self.runner = Runner(
            device, self.port, self.store, self.log, self.terminal, compat.load_umqtt(), None, 60
        )

    def connect(self, addresses, context, host, *_):
        self.port.work(50)
        if not self.chance.below(20):
            raise OSError(111)
        self.line = Line(self, host)
        return self.line

    def answer(self, line, first, body):
        """What the hub says to a packet: the right thing, mostly."""
        chance = self.chance
        if not chance.below(25):
            self.trouble(line)
            if chance.below(2):
                return
        if first == 0x10:
            line.due.extend(b"\x20\x02\x00" + bytes([0 if chance.below(20) else chance.below(256)]))
        elif first == 0x82:
            line.due.extend(b"\x90\x03" + body[:2] + (b"\x01" if chance.below(20) else b"\x80"))
        elif first == 0xC0:
            line.due.extend(b"\xd0\x00")
        elif first & 0xF0 == 0x30:
            size = struct.unpack("!H", body[:2])[0]
            name = str(body[2 : 2 + size], "utf-8")
            must("+" not in name and "#" not in name and "\x00" not in name, name)
            if first & 2:
                line.due.extend(b"\x40\x02" + body[2 + size : 4 + size])
            elif "$rid=" in name and "methods" not in name:
                rid = name.split("$rid=")[1]
                self.asked = self.asked[-2:] + [rid]
                if "GET" in name and chance.below(6):
                    twin = TWIN % (chance.below(5), chance.below(9))
                    line.due.extend(packet(0x30, text("$iothub/twin/res/200/?$rid=" + rid) + twin))
                elif chance.below(3):
                    line.due.extend(packet(0x30, text("$iothub/twin/res/204/?$rid=" + rid)))

    def trouble(self, line):
        """Something that a hub should not send, or not now."""
        chance = self.chance
        kind = chance.below(16)
        if kind < 8:
            data = self.message()
        elif kind == 8:
            data = bytes([chance.below(256) for _ in range(1 + chance.below(30))])
        elif kind == 9:
            data = mutated(chance, self.message())
        elif kind == 10:
            data = chance.one(
                (b"\x40\x02\x00\x01", b"\x90\x03\x00\x01\x01", b"\x40\x00", b"\xd0\x01x", b"\xd0\x00")
            )
        elif kind == 11:
            data = packet(0x30, text("x"))[:-1] + b"\xff\xff"
        elif kind == 12:
            data = chance.one(
                (b"\x30\x00", b"\x30\x01\x00", b"\x30\x02\x00\x05hello", b"\x32\x05\x00\x03abc", b"\x34\x05")
            )
        elif kind == 13:
            data = (
                b"\x30" + chance.one((b"\xff\xff\x7f", b"\xff\xff\xff\x7f", b"\xff\xff\x04")) + b"\x00\x01a"
            )
        elif kind == 14 and not chance.below(3):
            data = b""
            line.flood = chance.one(
                (b"\x00", b"\xff", b"\x50", b"\x80", b"\xd0\x00", b"\x30\x80", self.message())
            )
        else:
            data = b""
            line.closed = not chance.below(3)
        line.due.extend(data)

    def message(self):
        chance = self.chance
        qos = 0 if chance.below(3) else chance.below(3)
        body = (
            text(topic(chance, self.runner.device, self.asked))
            + (b"\x00\x09" if qos else b"")
            + (chance.payload() or b"x" * 3000)
        )
        return packet(0x30 | qos << 1, body)

    def live(self, turns):
        """So many rounds of the loop; what goes wrong is told with the seed and the turn's number."""
        try:
            for _ in range(turns):
                self.turns += 1
                begun = self.port.now
                self.runner.turn()
                self.port.work()
                assert self.port.now - begun < TURN_MS, "a turn of %d ms" % (self.port.now - begun)
                self.check()
        except BaseException as error:
            print("turn %d of:" % self.turns)
            raise error

    def check(self):
        """Nothing has grown beyond its cap."""
        assert len(self.log.ring) <= log.RING
        assert self.terminal._size <= terminal.QUEUE + 2 * terminal.LONGEST
        assert len(self.terminal._line) <= terminal.LONGEST
        assert not self.runner._inbox
        stream = self.runner.network.stream
        assert stream is None or len(stream._gathered) <= 1024
        # What there was no memory left for may have begun a record; nobody asked for a restart.
        left = [
            name
            for name in os.listdir(self.store._directory)
            if name.split(".")[0] not in ("config", "selftest")
        ]
        assert not left, left


def mutated(chance, data):
    data = bytearray(data)
    for _ in range(1 + chance.below(4)):
        kind, at = chance.below(3), chance.below(len(data) or 1)
        if kind == 0:
            data[at : at + 1] = bytes([chance.below(256)])
        elif kind == 1:
            data = data[:at] + data[at + chance.below(4) :]
        else:
            data = data[:at] + bytes([chance.below(256)]) + data[at:]
    return bytes(data)


def main(folder, first, last, turns):
    """Live these seeds, and tell the memory in use in the middle and at the end of each."""
    for seed in range(first, last):
        print("seed", seed)
        device = Hostile(seed, folder)
        for _ in range(2):
            device.live(turns // 2)
            gc.collect()
            if hasattr(gc, "mem_alloc"):
                print("memory", gc.mem_alloc())


if __name__ == "__main__":
    if hasattr(gc, "threshold"):
        gc.threshold(8192)
    main(sys.argv[1], *[int(word) for word in sys.argv[2:]])
