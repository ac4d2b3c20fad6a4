"""One call of what is wired to a device by names fails, whichever it is; a life as in sweep.py, with a door in it.

The door bounces open and shut through the whole life, also while the device restarts; its lamp follows it. In each case
one call, the k-th, raises. What has failed may be missing: an event is never told twice, and whatever failed, the lamp
follows the door again the next time.
"""

import time

from sweep import BUG, HARDWARE, MEMORY, Life, judge_each

from twinkle.core.wiring import WiredDevice

PARTS = {
    "outputs": {"lamp": {}},
    "inputs": {"door": {}},
    "sensors": {"attic": {"model": "DHT22"}},
}
OPENED_MS = (2500, 6000, 9000, 12000, 14500)  # when the door is opened; shut half a second later
BOUNCE = (0, 2, 3, 7, 8)  # milliseconds, of the edges when it is
ERRORS = (HARDWARE, BUG, MEMORY)
EACH = 4  # of the looks, most of which see nothing, one in so many fails


class Wires:
    """The lamp, the door and the sensor on a board in virtual time; each call may fail."""

    def __init__(self, world):
        self.lamp = []  # levels
        self._world = world
        self._edges = [("door", 1, 0)]
        for opened in OPENED_MS:
            self.open(opened)

    def open(self, at):
        """The door is opened then, and shut again."""
        for start, level in ((at, 0), (at + 500, 1)):
            self._edges += [
                ("door", level if number % 2 == 0 else 1 - level, start + ms)
                for number, ms in enumerate(BOUNCE)
            ]

    def start(self):
        """The device starts: of what was before, only what the line is now can be seen."""
        before = [edge for edge in self._edges if edge[2] <= self._world.now]
        self._edges = (before[-1:] or [("door", 1, 0)]) + self._edges[len(before) :]

    def do(self, what, *arguments):
        self._world.meet(what)
        return getattr(self, what)(*arguments)

    def look(self):
        found = [edge for edge in self._edges if edge[2] <= self._world.now]
        self._edges = self._edges[len(found) :]
        return found, 0

    def drive(self, name, level):
        self.lamp.append(level)

    def measure(self, name):
        return {"temperature": 30.5, "humidity": None}


class WiredLife(Life):
    """A life with PARTS."""

    def __init__(self, at=None, error=None):
        self.events = []  # (milliseconds, active)
        super().__init__(at, error)

    def boot(self):
        if not self.port.wiring:
            self.port.wiring = Wires(self)
        self.port.wiring.start()
        self._app.inputs["door"] = self.on_door
        super().boot()

    def build(self, *arguments):
        return WiredDevice(PARTS, *arguments)

    def on_door(self, board, active):
        self.events.append((self.now, active))
        board.outputs["lamp"].on() if active else board.outputs["lamp"].off()

    def judge(self):
        super().judge()
        values = [active for _, active in self.events]
        assert values == [number % 2 == 0 for number in range(len(values))], "an event was told twice"
        told, wires = len(self.events), self.port.wiring
        opened = self.now + 100
        wires.open(opened)
        self.let(lambda: self.now > opened + 250)
        assert [active for _, active in self.events[told:]][-1:] == [True] and wires.lamp[-1] == 1.0
        self.let(lambda: self.now > opened + 1000)
        assert self.events[-1][1] is False and wires.lamp[-1] == 0.0
        assert self.device.board.sensors["attic"].temperature == 30.5


def cases(met):
    """Each call of PARTS, and each of its errors; of the looks, one in EACH."""
    looks = 0
    for at, name in enumerate(met):
        looks += name == "look"
        if name in ("drive", "measure") or (name == "look" and looks % EACH == 0):
            for label, error in ERRORS:
                yield at, name, label, error


def test_whichever_call_fails_the_lamp_follows_the_door_again():
    begun = time.time()
    with WiredLife() as life:
        life.live()
        met = list(life.met)
        life.judge()
        told = [active for _, active in life.events]
    # It was restarting when the door was opened for the fourth time.
    assert told == [True, False] * len(OPENED_MS), told
    judge_each(WiredLife, met, cases(met), begun)
