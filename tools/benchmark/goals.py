"""What is aimed at, as one table, and whether it is met."""

from typing import NamedTuple

from .samples import Summary

AZURE = "azure-iot-device"
MOSQUITTO = "Mosquitto"
PAHO = "paho-mqtt"

MET, MISSED = "met", "missed"


class Goal(NamedTuple):
    """One row: ``limit`` is the most that is allowed, or, ``at_least``, the least; in ``unit``."""

    figure: str
    name: str
    limit: float
    unit: str
    at_least: bool = False

    @property
    def text(self) -> str:
        """As the page shows it."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"


GOALS = (
    Goal("P1", "method round trip, median", 0.42, f"× {AZURE}"),
    Goal("P1", "method round trip, p99", 0.48, f"× {AZURE}"),
    Goal("P1", "device's share of it, median", 0.5, f"× {AZURE}"),
    Goal("P1", "device's share of it, p99", 0.5, f"× {AZURE}"),
    Goal("P2", "CPU for 1,000 methods", 0.18, f"× {AZURE}"),
    Goal("P2", "CPU for 1,000 telemetry messages", 0.2, f"× {AZURE}"),
    Goal("P2", "resident memory, connected and idle", 0.6, f"× {AZURE}"),
    Goal("P3", "process start to first telemetry acknowledged", 0.37, f"× {AZURE}"),
    Goal("P4", "retained heap on MicroPython: core, runtime, umqtt and default application", 66, "KB"),
    Goal("P4", ".mpy files on a Pico W", 64, "KB"),
    Goal("P5", "growth of the retained heap in an idle hour", 0, "bytes"),
    Goal("P5", "flash writes in an idle day", 0, "writes"),
    Goal("P6", "erases for each applied configuration", 0.33, "erases"),
    Goal("P6", "bytes programmed for each applied configuration", 1.4, "KB"),
    Goal("P7", "hub back to device ready, p95", 2, "s"),
    Goal("P7", "ready after a second one of 1 s at once (p95)", 3, "s"),
    Goal("P8", "connected devices, each with a message a second", 1000, "devices", at_least=True),
    Goal("P8", "messages a second that the process sustains", 0.33, f"× {MOSQUITTO}", at_least=True),
    Goal("P8", "messages for a second of processor time", 0.2, f"× {MOSQUITTO}", at_least=True),
    Goal("P8", "memory of the hub for each connected device", 60, "KB"),
    Goal("P8", "cost of a message on the hub with 1,000 devices", 2, "× that with 10"),
    Goal("P9", "a 1 KB desired patch on the device, twin of 30 KB", 2, "× that with 1 KB"),
    Goal("P9", "a 1 KB desired patch on the hub, twin of 30 KB", 2, "× that with 1 KB"),
    Goal("P11", "cost of a message on the hub that keeps it", 1.25, "× that of one that does not"),
    Goal("P11", "publish to a reader's code", 250, "ms"),
    Goal("P12", "processor for the page while nobody looks, at 100 messages a second", 0.5, "% of a core"),
    Goal("P12", "processor for the page with one viewer, at 100 messages a second", 5, "% of a core"),
    Goal("P12", "memory for the page while nobody looks", 2, "MB"),
    Goal("P13", "a configuration for 1,000 twins: until all are done", 5, "s"),
    Goal("P13", "a job that updates 1,000 twins: until all are done", 5, "s"),
    Goal("P13", "a job that calls 1,000 methods: until all are done", 5, "s"),
    *(
        Goal("P13", f"{work}: a message's acknowledgement meanwhile, p99", 50, "ms")
        for work in (
            "a configuration for 1,000 twins",
            "a job that updates 1,000 twins",
            "a job that calls 1,000 methods",
        )
    ),
    Goal("P10", "one edited file to running on the board", 2, "s"),
)


class Measurement(NamedTuple):
    """One figure as it was measured.

    ``name`` is that of a goal, or of something told beside it. ``value`` is what is
    held against the goal, in the goal's unit; ``ours`` and ``peers`` (by name) are what it
    was made of.
    """

    figure: str
    name: str
    ours: Summary | None
    peers: dict[str, Summary] = {}
    value: float | None = None


def goal_of(measurement: Measurement) -> Goal | None:
    """The goal that a measurement is held against, or None when it is told for information."""
    for goal in GOALS:
        if (goal.figure, goal.name) == (measurement.figure, measurement.name):
            return goal
    return None


def verdict(goal: Goal, value: float) -> str:
    """``met`` or ``missed``."""
    within = value >= goal.limit if goal.at_least else value <= goal.limit
    return MET if within else MISSED


def unmeasured(figures: list[str], measurements: list[Measurement]) -> list[Goal]:
    """The goals of these figures that no measurement is held against."""
    held = {(m.figure, m.name) for m in measurements if m.value is not None}
    return [goal for goal in GOALS if goal.figure in figures and (goal.figure, goal.name) not in held]
