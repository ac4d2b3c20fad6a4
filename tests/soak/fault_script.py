"""One seeded life of a device under faults, in virtual time, and what must be true of it all the same.

A script is made of a number: half an hour in which power, network, hub, flash and
sensor fail and come back, messages are lost, doubled, delayed and answered with
errors, while a service changes the configuration and calls methods. Then everything
works again, and the device must have recovered. The same seed is the same script.
"""

import json
import random
import re

from twinkle_host.hub.core.errors import HubError
from twinkle_host.mock_gpio.world import World

LENGTH_S = 1800
PERIOD_S = 20  # of telemetry, at the start
RECOVERY_S = 160  # the longest back-off with its chance, a twin request that is late, and a margin
QUIET_S = 300
TIMEOUT_S = 30  # of a method
# How long the link may be in these states: the longest back-off with its chance, and the twin's deadline.
LIMITS = {"offline": 105.1, "connecting": 0.1, "syncing": 60.1}
# Methods of Life, the more frequent ones twice.
FAULTS = "power restart network refused cut acknowledgements flash sensor messages messages".split()
POWER = ("power", "restart")
EMPTY = {"messages": ()}
ERROR = b'{"errorCode": 503, "message": "try later"}'


class Life:
    """The script of ``seed`` on a device."""

    def __init__(self, seed, interpreter="cpython", places=()):
        self.seed = seed
        self.chance = random.Random(seed)
        # What another process held when its power went cannot be looked up.
        self.faults = [fault for fault in FAULTS if interpreter == "cpython" or fault not in POWER]
        self.world = World(interpreter, places=places)
        self.board = self.world.add(config={"configId": 0, "sendFrequency": f"{PERIOD_S}s"})
        if seed % 2:
            # As on a Raspberry Pi, from the next start on.
            self.board.start["waiting"] = {"capacity": 200, "disk": 65536}
        self.calls = []  # lists that hold how long a method's result, or its error, took
        self.last = 0
        self.readings = 0  # each is a number of its own: its temperature in hundredths of a degree
        self.lost_with_power = set()
        self.dropped = 0  # by the device, for want of room
        self._watch()

    # --- what is kept account of

    def _watch(self):
        board, turn = self.board, self.board._turn
        self.made, self.stored_when_told = [], []

        self.longest = dict.fromkeys(LIMITS, 0.0)
        since = {"state": None}

        def counted(request):
            for name, arguments in request.get("events", ()):
                if name == "reading":
                    self.made.append(arguments[0]["temperature"])
            if "start" not in request and board.state == since["state"] and board.connects == since["tries"]:
                waited = self.world.clock.seconds - since["at"]
                self.longest[board.state] = max(self.longest.get(board.state, 0), waited)
            else:
                since.update(state=board.state, tries=board.connects, at=self.world.clock.seconds)
            turn(request)

        def read():
            self.readings += 1
            # The device sees what the waveform carries: tenths of a degree.
            board.temperature = round(-30 + self.readings % 1000 / 10, 1)
            type(board)._read(board)

        board._turn, board._read = counted, read

        def report(event):
            body = event.get("body")
            if event["source"] == "twinChangeEvents" and isinstance(body, dict):
                told = body.get("properties", {}).get("reported", {})
                if told.get("status") == "Success" and "configId" in told:
                    record = board.disk.get("config") or {"configId": 0}
                    self.stored_when_told.append((told["configId"], record["configId"]))

        self.world.hub.listen(report)

    # --- the faults, each with how it ends

    def restart(self):
        """The program ends in good order, and starts again."""
        if self.board.powered:
            self.board.keep()
            self.power()()
        return lambda: None

    def power(self):
        """The power goes."""
        self.dropped += self._dropped()
        kept = {entry[2]["temp"] for entry in (self.board.disk.get("telemetry") or EMPTY)["messages"]}
        self.lost_with_power |= {json.loads(entry[2])["temp"] for entry in self._queue()} - kept
        self.board.power_off()
        return self.board.power_on

    def network(self):
        """The network goes."""
        self.board.unplug()
        return self.board.plug

    def refused(self):
        """The hub refuses connections."""
        self.board.refusal = self.chance.choice([3, 5])
        self.cut()
        return lambda: setattr(self.board, "refusal", None)

    def cut(self):
        """The hub cuts the line once."""
        if self.board._session:
            self.board._session.close("cut by a script")
        return lambda: None

    def acknowledgements(self):
        """The hub's acknowledgements get lost."""
        self.board.swallows = True
        return lambda: setattr(self.board, "swallows", False)

    def flash(self):
        """The flash takes nothing."""
        self.board.flash_error = "flash: I/O error"
        return lambda: setattr(self.board, "flash_error", None)

    def sensor(self):
        """The sensor fails."""
        self.board.fault = self.chance.choice(["absent", "bit", "cut"])
        return lambda: setattr(self.board, "fault", None)

    def messages(self):
        """What the hub sends is lost, doubled, late, overtaken, or an error."""
        share = self.chance.choice([0.1, 0.5])

        def passing(topic, payload):
            if self.chance.random() > share:
                return [(0, (topic, payload))]
            how = self.chance.choice(["lost", "twice", "late", "an error", "another's"])
            if how == "lost":
                return []
            if how == "twice":
                return [(0, (topic, payload)), (self.chance.choice([0, 700]), (topic, payload))]
            if how == "late":
                return [(self.chance.choice([1, 50, 500, 5000, 40000]), (topic, payload))]
            if topic.startswith("$iothub/twin/res/"):
                if how == "an error":
                    status = self.chance.choice(["429", "500", "503"])
                    return [(0, (re.sub(r"/res/\d+/", f"/res/{status}/", topic), ERROR))]
                return [(0, (re.sub(r"rid=[^&]*", "rid=999999", topic), payload))]
            return [(0, (topic, payload))]

        self.board.passing = passing
        return lambda: setattr(self.board, "passing", lambda topic, payload: [(0, (topic, payload))])

    # --- the service

    def configure(self):
        """Another configuration, or two in a row; now and then one that must be refused, or the same again."""
        if self.chance.random() < 0.3:
            self.world.run(0)
            self._configure()
        self._configure()

    def _configure(self):
        kind = self.chance.random()
        if kind < 0.1:
            self.world.desired("myDeviceId", {"configId": 10_000 + self.last, "sendFrequency": "never"})
            return
        self.last += kind < 0.9
        self.world.desired(
            "myDeviceId", {"configId": self.last, "sendFrequency": f"{self.chance.randrange(10, 60)}s"}
        )

    def call(self):
        """A method."""
        clock, took = self.world.clock, []
        begun = clock.seconds
        self.calls.append(took)
        method = self.chance.choice(["turnon", "nothing"])
        try:
            self.world.hub.invoke(
                "myDeviceId",
                method,
                response_timeout=TIMEOUT_S,
                done=lambda result: took.append(clock.seconds - begun),
            )
        except HubError:
            took.append(0.0)  # not online: the caller knows at once

    # --- the script

    def live(self):
        """Half an hour of it, and the recovery."""
        chance, pending, end = self.chance, [], self.world.clock.seconds + LENGTH_S
        while self.world.clock.seconds < end:
            self.world.run(chance.expovariate(1 / 20))
            now = self.world.clock.seconds
            for over in [over for over in pending if over[0] <= now]:
                pending.remove(over)
                over[2]()
            what = chance.choice([self.configure, self.call, None, None])
            if what is None:
                fault = chance.choice(self.faults)
                if fault not in [over[1] for over in pending]:
                    pending.append((now + chance.choice([2, 15, 90, 400]), fault, getattr(self, fault)()))
            else:
                what()
        for over in pending:
            over[2]()
        self.world.run(RECOVERY_S)
        self.ready_in_time = self.board.state == "ready"
        # The service's last word, so that a refused one is not the end of the story.
        self.last += 1
        self.world.desired("myDeviceId", {"configId": self.last, "sendFrequency": f"{PERIOD_S}s"})
        self.world.run(QUIET_S)

    # --- what must be true

    def check(self):
        """AssertionError with the seed and what is wrong."""
        board, world = self.board, self.world
        log = board.log
        self._hold(self.ready_in_time, f"not ready {RECOVERY_S} s after the last fault, but {board.state}")
        reported = world.reported("myDeviceId")
        self._hold(
            (reported.get("configId"), reported.get("status")) == (self.last, "Success"),
            f"configuration {self.last} is reported as {reported.get('status')} of {reported.get('configId')}",
        )
        applied = [int(line.rsplit(" ", 1)[1]) for line in log if "applied configuration " in line]
        self._hold(len(applied) == len(set(applied)), f"applied twice: {applied}")
        self._hold(applied == sorted(applied), f"an older one was applied: {applied}")
        self._hold(
            all(told == stored for told, stored in self.stored_when_told),
            f"reported as applied, but not on flash: {self.stored_when_told}",
        )
        arrived = [round(body["temp"], 1) for body in board.telemetry if body["temp"] is not None]
        expected = [reading for reading in self.made if reading not in self.lost_with_power]
        missing = [reading for reading in expected if reading not in arrived]
        dropped = self.dropped + self._dropped()
        waiting = len(self._queue())
        self._hold(
            len(missing) <= dropped + waiting,
            f"telemetry was lost: {missing}, though {dropped} were dropped and {waiting} wait",
        )
        firsts = list(dict.fromkeys(arrived))
        order = [reading for reading in self.made if reading in set(firsts)]
        self._hold(firsts == order, "telemetry came in another order than it was made")
        self._hold(all(len(took) == 1 for took in self.calls), "a method has no result, or two")
        self._hold(
            all(took <= TIMEOUT_S + 0.1 for (took,) in self.calls), "a method was answered after its time"
        )
        for state, limit in LIMITS.items():
            self._hold(
                self.longest[state] <= limit, f"{self.longest[state]} s {state}, which must end after {limit}"
            )
        answers = [topic for topic, _ in board.sent if topic.startswith("$iothub/methods/res/")]
        rids = [topic.partition("rid=")[2] for topic in answers]
        self._hold(len(rids) == len(set(rids)), "a method was answered twice")

    def _hold(self, condition, text):
        assert condition, f"seed {self.seed}: {text}\n" + "\n".join(self.board.log[-60:])

    def _dropped(self):
        device = getattr(self.board.bridge, "device", None)
        if device:
            return device.telemetry.dropped
        # Of another process only what it logs is known: each power of two.
        told = [
            int(found[1])
            for line in self.board.log
            if (found := re.search(r"queue full; (\d+) dropped", line))
        ]
        return 2 * max(told, default=0)

    def _queue(self):
        device = getattr(self.board.bridge, "device", None)
        return list(device.telemetry.queue) if device else []
