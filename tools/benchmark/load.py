"""Many devices in one process that load a server: TLS, MQTT 3.1.1, QoS 1. No client library: it must not be the slowest.

    load.py HOST PORT CA_FILE KEY

KEY is every device's shared access key. A line on standard input is a command, answered with a line of JSON:
``connect N`` (until so many are connected), ``pace SECONDS`` (each sends once a second), ``flood SECONDS`` (each has a
window of messages under way, and sends another for each that is acknowledged). Methods are answered with what came.
"""

import asyncio
import json
import ssl
import struct
import sys
import time

from benchmark.sas import Credentials
from benchmark.samples import percentile
from benchmark.work import BODY
from twinkle_host.hub.codec import CONNACK, PUBACK, PUBLISH, SUBACK, publish, remaining_length

NAME = "load-{}"
WINDOW = 20  # messages of each device that are under way in a flood
AT_ONCE = 40  # connections that are being made
KEEP_ALIVE_S = 600
SETTLE_S = 2.0  # of a flood, before it counts
TICK_S = 0.01
PATIENCE_S = 60
METHODS, ANSWERS = b"$iothub/methods/POST/", "$iothub/methods/res/200/"


class Device(asyncio.Protocol):
    """One connection."""

    def __init__(self, credentials: Credentials):
        self._credentials = credentials
        self._buffer = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.acknowledged = 0
        self.flooding = False
        self._next = 0
        packets = [publish(credentials.telemetry, BODY, 1, number + 1) for number in range(WINDOW)]
        # Twice, so that any run of packets is one slice.
        self._ring, self._size = b"".join(packets * 2), len(packets[0])
        self._due = None  # when the paced message under way was sent
        self.total = 0  # messages sent since it connected
        self.sent, self.waits = 0, []  # of the present pace: messages, and seconds until they were acknowledged

    def connection_made(self, transport):
        self.transport = transport
        who = self._credentials
        head = _text("MQTT") + bytes((4, 0xC2)) + struct.pack("!H", KEEP_ALIVE_S)
        transport.write(_packet(0x10, head + b"".join(map(_text, (who.device_id, who.username, who.password)))))

    def connection_lost(self, error):
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"{self._credentials.device_id} was not let in: {error}"))

    def data_received(self, data):
        buffer = self._buffer + data if self._buffer else data
        at, acknowledged = 0, 0
        while len(buffer) - at >= 2:
            kind, size, start = buffer[at] >> 4, buffer[at + 1], at + 2
            if size & 0x80:
                if len(buffer) - at < 3:
                    break
                size, start = size & 0x7F | buffer[at + 2] << 7, at + 3
            if len(buffer) < start + size:
                break
            if kind == PUBACK:
                acknowledged += 1
            else:
                self._take(kind, buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]
        if acknowledged:
            self._on_acknowledged(acknowledged)

    def _take(self, kind, body):
        if kind == CONNACK:
            if body[1]:
                self.ready.set_exception(ConnectionError(f"CONNACK {body[1]}"))
            else:
                self.transport.write(_packet(0x82, b"\0\1" + _text("$iothub/methods/POST/#") + b"\1"))
        elif kind == SUBACK:
            self.ready.set_result(self)
        elif kind == PUBLISH:
            size = struct.unpack("!H", body[:2])[0]
            topic = body[2 : 2 + size]
            if topic.startswith(METHODS):
                self.transport.write(publish(ANSWERS + topic.rpartition(b"/")[2].decode(), body[2 + size :]))

    def _on_acknowledged(self, count):
        self.acknowledged += count
        if self.flooding:
            self._send(count)
        elif self._due is not None:
            self.waits.append(time.monotonic() - self._due)
            self._due = None

    def _send(self, count):
        while count > 0:
            some = min(count, WINDOW)
            self.transport.write(self._ring[self._next * self._size : (self._next + some) * self._size])
            self._next = (self._next + some) % WINDOW
            self.total += some
            count -= some

    def flood(self):
        """Begin."""
        self.flooding = True
        self._send(WINDOW)

    def pace(self):
        """Send one message; one that is still under way makes the device late, and nothing is sent."""
        if self._due is None:
            self._due = time.monotonic()
            self.sent += 1
            self._send(1)
            return True
        return False


class Load:
    """All devices."""

    def __init__(self, host, port, ca_file, key):
        self._host, self._port, self._key = host, port, key
        self._context = ssl.create_default_context(cafile=ca_file)
        self._devices = []

    async def connect(self, count):
        """Until there are ``count``."""
        gate = asyncio.Semaphore(AT_ONCE)
        begun = time.monotonic()

        async def one(number):
            name = NAME.format(number)
            text = f"HostName=localhost;DeviceId={name};SharedAccessKey={self._key}"
            async with gate:
                _, device = await asyncio.get_running_loop().create_connection(
                    lambda: Device(Credentials(text)), self._host, self._port, ssl=self._context
                )
                return await device.ready

        numbers = range(len(self._devices), count)
        self._devices += await asyncio.gather(*map(one, numbers))
        return {"devices": len(self._devices), "seconds": time.monotonic() - begun}

    async def pace(self, seconds):
        """Each device sends once a second, spread over the second."""
        for device in self._devices:
            device.sent, device.waits = 0, []
        late, position, begun = set(), 0, time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            while position < passed * len(self._devices):
                device = self._devices[position % len(self._devices)]
                if not device.pace():
                    late.add(device)
                position += 1
            await asyncio.sleep(TICK_S)
        await self._rest()
        late |= {device for device in self._devices if len(device.waits) < device.sent or max(device.waits) > 1}
        waits = [wait for device in self._devices for wait in device.waits]
        return {
            "inTime": len(self._devices) - len(late),
            "messages": len(waits),
            "perSecond": len(waits) / seconds,
            "p99": percentile(waits, 0.99),
        }

    async def flood(self, seconds):
        """As much as the server takes, after it has settled."""
        for device in self._devices:
            device.flood()
        await asyncio.sleep(SETTLE_S)
        print(json.dumps({"settled": True}), flush=True)
        before, cpu, begun = self._acknowledged, time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        passed = time.monotonic() - begun
        told = {
            "perSecond": (self._acknowledged - before) / passed,
            "messages": self._acknowledged - before,
            "ownShare": (time.process_time() - cpu) / passed,
        }
        print(json.dumps(told), flush=True)
        for device in self._devices:
            device.flooding = False
        await self._rest()
        return {"rested": True}

    @property
    def _acknowledged(self):
        return sum(device.acknowledged for device in self._devices)

    async def _rest(self):
        end = time.monotonic() + PATIENCE_S
        while any(device.acknowledged < device.total for device in self._devices):
            if time.monotonic() > end:
                raise TimeoutError("messages were not acknowledged")
            await asyncio.sleep(TICK_S)


def _text(text):
    return struct.pack("!H", len(text)) + text.encode()


def _packet(first, body):
    return bytes((first,)) + remaining_length(len(body)) + body


async def main(host, port, ca_file, key):
    """Do what standard input says."""
    load, loop = Load(host, int(port), ca_file, key), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        what, amount = line.split()
        print(json.dumps(await getattr(load, what)(int(amount))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
