"""A world in memory: the real hub core, real device cores, and time that is only a number.

A device's core runs in this process, or, the same files, in 32-bit MicroPython
behind the module ``bridge``. The pytest fixture ``mock_board`` makes a world with
one board.
"""

import functools
import json
import math
import os
import subprocess
import sys
from collections import deque

from ..boards import NAMED
from ..hub.core import ConnectRefused, Hello, Hub, MemoryStore
from ..hub.core.errors import HubError
from ..paths import FIRMWARE, HOST, LIB, MICROPYTHON
from ..waiting import PATIENCE_S
from . import witness
from .board import Board, History, Told, note
from .bridge import MARK, Bridge
from .lines import is_low
from .sensor import DhtSensor, is_whole

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))

from twinkle.core.errors import HardwareError
from twinkle.ports.dht_facts import sample

HEAP = "144k"  # of the MicroPython that runs a device: what TLS leaves on a Pico W, the bridge included
EPOCH = 1_795_000_000.0  # 2026-11-18
SUBSCRIPTIONS = [
    ("$iothub/twin/res/#", 1),
    ("$iothub/twin/PATCH/properties/desired/#", 1),
    ("$iothub/methods/POST/#", 1),
]


def answered(result):
    """What a method call came to, unless that was an error."""
    if isinstance(result, HubError):
        raise result
    return result


class VirtualClock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds

    def utc(self):
        return EPOCH + self.seconds


class MicroPythonBridge:
    """The bridge, or another ``program`` that does more, in a MicroPython process. ``places``: where
    applications are looked for too. ``heap``: MicroPython's."""

    def __init__(self, places=(), program=HOST / "mock_gpio" / "bridge.py", heap=HEAP):
        places = [*places, FIRMWARE, LIB]
        self._process = subprocess.Popen(
            [MICROPYTHON, "-X", f"heapsize={heap}", program],
            env={**os.environ, "MICROPYPATH": ":".join(map(str, places))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def handle(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            before, mark, answer = line.partition(MARK)
            said.append(before)
            if mark:
                print("".join(said), end="")  # the application's own, as it would be on CPython
                return json.loads(answer)
        raise AssertionError("under MicroPython:\n" + "".join(said))

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE_S)
        self._process.stdout.close()


class BoardInMemory(Board):
    """A Board that performs the core's actions in the world's memory.

    Beside a Board's words: ``disk`` are the records, ``sent`` is every publish as ``(topic, payload)``. The line's
    faults: ``refusal`` is a CONNACK code the hub answers with, ``swallows`` that its
    acknowledgements of QoS 1 get lost, and ``passing(topic, payload)`` what becomes of a
    message to the device, as pairs of a delay in milliseconds and a ``(topic, payload)``.
    """

    outputs = inputs = rooms = log = None  # instead of what must be asked for: here they are at hand

    def __init__(self, world, bridge, device_id, app, config, chance=None, parts=None):
        self.world = world
        self.bridge = bridge
        self.device_id = device_id
        self.start = {
            "app": app,
            "config": config,
            "connectionString": world.hub.connection_string(device_id),
            "information": {"manufacturer": "Contoso"},
            "chance": chance,
            "parts": parts,
        }
        witness.keep_secret(self.start["connectionString"])
        self.disk, self.log, self.sent = {}, [], []
        outputs, self._inputs, sensors = [(parts or {}).get(kind) or {} for kind in NAMED]
        self._outputs = outputs
        self.outputs = {name: History() for name in ("led", *outputs)}
        self.inputs = Told("input", dict.fromkeys(self._inputs, False), self._moved)
        self.rooms = Told("sensor", {name: {} for name in sensors})
        self._sensors = {
            name: DhtSensor(about["model"], functools.partial(self._room, name))
            for name, about in sensors.items()
            if about["model"] != "own"
        }
        self._edges = []  # of inputs, which the device has not looked at yet
        self.restarts = 0
        self.reset_refusal = None  # why the board cannot be restarted
        self.connects = 0
        self._sensor = DhtSensor("DHT22", self._room)
        self.own_temperature, self.memory = 30.0, 65536
        self.flash_error = None
        self.reachable = True
        self.refusal = None
        self.swallows = False
        self.passing = lambda topic, payload: [(0, (topic, payload))]
        self.powered = False
        self.state = "offline"
        self.due = 0
        self._events = deque()
        self._later = []  # (milliseconds, session, event), of messages that are under way
        self._session = None

    # --- what a test does to it

    def power_on(self):
        self.powered = True
        self._events.clear()
        self._edges.clear()
        for name in self._outputs:
            self._shown(name, 0.0)
        for name in self.inputs:
            self._moved(name)
        self._turn(
            {"start": {**self.start, "records": self.disk}, "events": [["time", [self.world.clock.utc()]]]}
        )

    def power_off(self):
        self.powered = False
        self.state = "off"
        self._events.clear()
        if self._session:
            self._session.end(False)
            self._session = None

    def unplug(self):
        self.reachable = False
        if self._session:
            self._session.end(False)
            self._session = None
            self._events.append(["lost", ["the line was cut", False]])

    def plug(self):
        self.reachable = True

    # --- what a test asks of it

    def run(self, seconds=1.0):
        self.world.run(seconds)

    def until(self, condition, limit=60.0):
        self.world.until(condition, limit)

    def call(self, name, payload=None):
        results = self.world.invoke(self.device_id, name, payload)
        self.until(lambda: results, 31)
        return answered(results[0])

    def desired(self, patch):
        self.world.desired(self.device_id, patch)

    @property
    def reported(self):
        return self.world.reported(self.device_id)

    @property
    def telemetry(self):
        return [
            event["body"]
            for event in self.world.events
            if event["source"] == "Telemetry" and event["deviceId"] == self.device_id
        ]

    # --- how the hub reaches it (the contract of a Link)

    def send(self, topic, payload, qos):
        if self._session is None and not self._connecting:
            return
        for delay, message in self.passing(topic, bytes(payload)):
            event = ["message", [message[0], message[1].hex()]]
            if delay:
                self._later.append((self.world.now + delay, self._session, event))
            else:
                self._events.append(event)

    def close(self, reason):
        if self._session is not None:
            self._session = None
            self._events.append(["lost", [reason, False]])

    # --- how the world runs it

    @property
    def busy(self):
        """True when there is something to hand to the device at once."""
        for item in [item for item in self._later if item[0] <= self.world.now]:
            self._later.remove(item)
            if item[1] is self._session and self.powered:
                self._events.append(item[2])
        return self.powered and (bool(self._events) or self.due <= self.world.now)

    @property
    def next(self):
        """When there will be, in milliseconds."""
        return min([self.due, *(item[0] for item in self._later)])

    _connecting = False

    def turn(self):
        """Hand over what happened and perform the answer."""
        events = list(self._events)
        self._events.clear()
        self._turn({"events": events})

    def _turn(self, request):
        request["now"] = self.world.now
        answer = self.bridge.handle(request)
        self.due, self.state = answer["due"], answer["state"]
        for action in answer["actions"]:
            if self.powered:
                getattr(self, "_" + action[0])(*action[1:])

    def _connect(self, username, password):
        self.connects += 1
        if not self.reachable:
            self._events.append(["lost", ["no route to the hub", False]])
            return
        if self.refusal is not None:
            self._events.append(["lost", [f"CONNACK {self.refusal}", self.refusal in (4, 5)]])
            return
        hello = Hello(self.device_id, username, password, clean_session=False, keep_alive=60)
        self._connecting = True
        try:
            self._session = self.world.hub.connect(hello, self)
            self._session.subscribe(SUBSCRIPTIONS)
        except ConnectRefused as refused:
            self._events.append(["lost", [refused.reason, refused.code in (4, 5)]])
            return
        finally:
            self._connecting = False
        self._events.append(["connected", []])

    def _publish(self, topic, payload, qos):
        payload = bytes.fromhex(payload)
        self.sent.append((topic, payload))
        if self._session:
            self._session.publish(topic, payload, qos)
            if not qos or not self._session:
                return
            if self.swallows:
                # umqtt.simple waits for it, and the stream's limit ends that and the connection.
                self._session.end(False)
                self._session = None
                self._events.append(["lost", ["the hub did not answer in time", False]])
            else:
                self._events.append(["published", []])

    def _ping(self):
        if self._session:
            self._events.append(["heard", []])

    def _disconnect(self):
        if self._session:
            self._session.end(True)
            self._session = None

    def _read(self):
        reading = {"ownTemperature": self.own_temperature, "memory": self.memory}
        try:
            reading["temperature"], reading["humidity"] = self._measure()
        except HardwareError as error:
            reading["temperature"], reading["humidity"] = getattr(error, "sample", (None, None))
            self._events.append(["failed", [str(error), reading]])
        else:
            self._events.append(["reading", [reading]])

    def _measure(self):
        frame = self._sensor.frame(self.world.clock.utc())
        if frame is None or not is_whole(frame):
            raise HardwareError("checksum" if frame else "no answer")
        return sample("DHT22", frame)

    def _wire(self, what, *arguments):
        try:
            result, error = getattr(self, what)(*arguments), None
        except HardwareError as failed:
            result, error = None, str(failed)
        self._events.append(["wired", [["wire", what, *arguments], result, error]])
        if what == "drive" and error is None:
            self._shown(*arguments)

    def _shown(self, name, level):
        """An output has been told to show ``level``."""
        level = level if self._outputs[name].get("pwm") else float(level > 0)
        history = self.outputs[name]
        if level != (history[-1][1] if history else 0.0):
            history.append((self.world.clock.seconds, level))

    def _moved(self, name):
        self._edges.append((name, self._line(name), self.world.now))

    def _line(self, name):
        return int(bool(self.inputs[name]) != is_low(self._inputs[name]))

    def drive(self, name, level):
        """As of ports.wiring.Wiring; as are the next two."""

    def look(self):
        edges, self._edges = self._edges, []
        return edges, 0

    def measure(self, name):
        if name not in self._sensors:
            return {"temperature": self.own_temperature, "humidity": None}
        sensor = self._sensors[name]
        frame = sensor.frame(self.world.clock.utc())
        try:
            if frame is None or not is_whole(frame):
                raise HardwareError("checksum" if frame else "no answer")
            temperature, humidity = sample(sensor.model, frame)
        except HardwareError as error:
            known = getattr(error, "sample", (None, None))
            return {"temperature": known[0], "humidity": known[1], "failed": str(error)}
        return {"temperature": temperature, "humidity": humidity}

    def _led(self, level):
        self.outputs["led"].append((self.world.clock.seconds, level))

    def _store(self, name, record):
        if self.flash_error is None:
            if record is None:
                self.disk.pop(name, None)
            else:
                self.disk[name] = record
        self._events.append(["stored", [name, self.flash_error]])

    def testify(self):
        """Note what it said and wrote, for the search for secrets."""
        spoken = [*self.log, *(f"{topic} {payload}" for topic, payload in self.sent), json.dumps(self.disk)]
        witness.note(f"{self.device_id} in virtual time", "\n".join(spoken))

    def keep(self):
        """Tell the program that it ends."""
        self._turn({"keep": True})

    def _reset(self, reason, wanted=True):
        self.restarts += 1
        self.keep()
        if self.reset_refusal:
            self.disk["reboot"] = {"refused": self.reset_refusal}  # only the program starts again
        self.power_off()
        self.powered = True
        self.power_on()

    def _say(self, level, text):
        self.log.append(f"{self.world.clock.seconds:.3f} {level} {text}")
        note(self.device_id, self.log[-1])


class World:
    """The hub and its devices under one clock.

    ``interpreter``: of the devices; ``places``: where MicroPython looks for applications
    before it looks for the project's own.
    """

    def __init__(self, interpreter="cpython", store=None, places=()):
        self.clock = VirtualClock()
        self._places = places
        self.hub = Hub("contoso.azure-devices.net", self.clock, store or MemoryStore(), os.urandom)
        self.interpreter = interpreter
        self.boards = []
        self.events = []
        self.hub.listen(self.events.append)

    @property
    def now(self):
        """Milliseconds, as devices count."""
        return round(self.clock.seconds * 1000)

    def add(
        self,
        device_id="myDeviceId",
        app="twin_apps.plain",
        config=None,
        on=True,
        chance=None,
        kind=BoardInMemory,
        parts=None,
    ):
        """A new identity and a board for it."""
        self.hub.create_device(device_id, {"deviceId": device_id})
        return self.board_for(device_id, app, config, on, chance, kind, parts)

    def board_for(
        self,
        device_id,
        app="twin_apps.plain",
        config=None,
        on=True,
        chance=None,
        kind=BoardInMemory,
        parts=None,
    ):
        """A board for an identity that exists. ``chance``: the seed of its numbers; without one all are 0.5.

        ``kind``: what makes the board, if not BoardInMemory. ``parts``: what its board file names, {"outputs",
        "inputs", "sensors"}.
        """
        bridge = MicroPythonBridge(self._places) if self.interpreter == "micropython" else Bridge()
        board = kind(self, bridge, device_id, app, config, chance, parts)
        self.boards.append(board)
        if on:
            board.power_on()
        return board

    def run(self, seconds=0.0):
        """Let time pass, with everything that is due in its order."""
        end = self.clock.seconds + seconds
        for _ in range(100_000):
            while any(board.busy for board in self.boards):
                for board in self.boards:
                    if board.busy:
                        board.turn()
            wait = self.hub.step()
            if any(board.busy for board in self.boards):
                continue
            moments = [board.next / 1000 for board in self.boards if board.powered]
            if wait is not None:
                # A nanosecond more, or rounding could leave the hub waiting for ever.
                moments.append(self.clock.seconds + wait + 1e-9)
            moment = min(moments, default=math.inf)
            if moment > end:
                self.clock.seconds = end
                return
            # A due moment is a whole millisecond that must not be reached too early.
            self.clock.seconds = max(moment, self.clock.seconds)
        raise AssertionError("the world never comes to rest")

    def until(self, condition, limit=60.0):
        """Run until ``condition()`` holds; fails after ``limit`` virtual seconds."""
        end = self.clock.seconds + limit
        while not condition():
            said = [line for board in self.boards for line in board.log]
            assert self.clock.seconds < end, "it did not happen: " + "\n".join(said)
            self.run(0.05)

    # --- the service's side

    def desired(self, device_id, patch, etag=None):
        """PATCH the desired properties; answers the twin."""
        return self.hub.patch_twin(device_id, {"properties": {"desired": patch}}, etag)

    def reported(self, device_id):
        """The reported properties without the hub's own members."""
        section = self.hub.get_twin(device_id)["properties"]["reported"]
        return {key: value for key, value in section.items() if not key.startswith("$")}

    def invoke(self, device_id, name, payload=None, response_timeout=30, connect_timeout=0):
        """Begin a direct method call; answers a list that will hold the result or the error."""
        results = []
        self.hub.invoke(device_id, name, payload, response_timeout, connect_timeout, done=results.append)
        return results

    def telemetry(self):
        """The bodies of all telemetry so far."""
        return [event["body"] for event in self.events if event["source"] == "Telemetry"]

    def close(self):
        """End the processes."""
        for board in self.boards:
            board.testify()
            if hasattr(board.bridge, "close"):
                board.bridge.close()
