"""A hub that misbehaves on purpose, by rules in a file: what devices must bear.

    {"seed": 7, "rules": [{"fault": "late", "device": "shed-*", "share": 0.2, "seconds": 3}]}

Every rule names a ``fault`` and may say of which ``device`` (a pattern; all), with
which ``share`` of the occasions (1), ``from`` and ``until`` when (seconds since the
rules were set), and how many ``times`` at most. The faults, with what they take:

    refuse   code      a CONNECT is answered with this CONNACK code (3)
    kill     bytes     the connection is aborted after that many bytes to the device
    stall    seconds   nothing is sent for that long, then all of it
    swallow            a telemetry message is not acknowledged
    lose               a message to the device is not sent
    double             it is sent twice
    late     seconds   it is sent later, and so after those that follow it
    reorder  seconds   it changes places with the next, if that comes within this time
    status   status    a twin answer becomes this error (429)
    rid                a twin answer is for a request that nobody made
    fill     bytes     a twin's desired properties are larger by that much
    http     status    a service's request about the device is answered with this (503)

And those of the line itself, which a proxy in front of the hub carries out. They name
no ``device``, which TLS hides, and must be there from the start:

    delay    seconds   a piece of what passes comes later
    dribble            a byte at a time passes
    half-open seconds  nothing passes for that long, and nobody is told
    cut      bytes     the connection is aborted after that many bytes both ways
    hang-up            a connection is accepted and closed
"""

import fnmatch
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..core import jsontext

# Each fault's own member, its kind, and its value when it is left out.
FAULTS: dict[str, tuple[str, Any] | None] = {
    "refuse": ("code", 3),
    "kill": ("bytes", 200),
    "stall": ("seconds", 3.0),
    "swallow": None,
    "lose": None,
    "double": None,
    "late": ("seconds", 2.0),
    "reorder": ("seconds", 2.0),
    "status": ("status", 429),
    "rid": None,
    "fill": ("bytes", 20000),
    "http": ("status", 503),
    "delay": ("seconds", 0.3),
    "dribble": None,
    "half-open": ("seconds", 5.0),
    "cut": ("bytes", 2000),
    "hang-up": None,
}
OF_THE_LINE = ("delay", "dribble", "half-open", "cut", "hang-up")
COMMON: dict[str, type | tuple[type, ...]] = {
    "device": str,
    "share": (int, float),
    "from": (int, float),
    "until": (int, float),
    "times": int,
}
# What a packet, a timer and a chance can be.
LIMITS = {
    "code": (1, 255),
    "bytes": (0, 1 << 20),
    "seconds": (0, 3600),
    "status": (100, 999),
    "share": (0, 1),
    "from": (0, 10**9),
    "until": (0, 10**9),
    "times": (0, 10**9),
}
TWIN_ANSWER = "$iothub/twin/res/"
FILLER = "filledByAFault"

Delivery = tuple[float, str, bytes]  # delay in seconds, topic, payload


class FaultError(ValueError):
    """The rules cannot be used; the text says which and why."""


class Faults:
    """The rules at work. ``done`` counts what each fault has done; ``clock()`` is seconds, monotonic."""

    def __init__(self, document: Any, clock: Callable[[], float]):
        if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
            raise FaultError('the rules must be a JSON object such as {"rules": [{"fault": "late"}]}')
        self.done: Counter[str] = Counter()
        self._rules = [_checked(number, rule) for number, rule in enumerate(document["rules"], 1)]
        seed = document.get("seed")
        if seed is not None and not isinstance(seed, int | str):
            raise FaultError("the seed must be a whole number or a text")
        self._chance = random.Random(seed)
        self._clock = clock
        self._begun = clock()
        self._used: Counter[int] = Counter()

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules, each with how often it was followed (``done``)."""
        return [{**rule, "done": self._used[number]} for number, rule in enumerate(self._rules)]

    @property
    def of_the_line(self) -> bool:
        """Whether there are rules for the proxy."""
        return any(rule["fault"] in OF_THE_LINE for rule in self._rules)

    def value(self, fault: str, device: str) -> Any:
        """What the fault is to do to this device now (its own member, True for one without), or None."""
        passed = self._clock() - self._begun
        for number, rule in enumerate(self._rules):
            if (
                rule["fault"] == fault
                and fnmatch.fnmatchcase(device, rule.get("device", "*"))
                and rule.get("from", 0) <= passed < rule.get("until", float("inf"))
                and self._used[number] < rule.get("times", float("inf"))
                and self._chance.random() < rule.get("share", 1)
            ):
                self._used[number] += 1
                self.done[fault] += 1
                own = FAULTS[fault]
                return True if own is None else rule.get(own[0], own[1])
        return None

    def deliver(self, device: str, topic: str, payload: bytes) -> list[Delivery]:
        """What becomes of a message to a device."""
        if topic.startswith(TWIN_ANSWER):
            topic, payload = self._spoil(device, topic, payload)
        if self.value("lose", device):
            return []
        late = self.value("late", device) or 0.0
        return [(late, topic, payload)] * (2 if self.value("double", device) else 1)

    def _spoil(self, device: str, topic: str, payload: bytes) -> tuple[str, bytes]:
        if status := self.value("status", device):
            body = {"errorCode": status * 1000, "message": "a fault that was asked for"}
            return re.sub(r"/res/\d+/", f"/res/{status}/", topic), json.dumps(body).encode()
        if self.value("rid", device):
            topic = re.sub(r"rid=[^&]*", "rid=nobodys", topic)
        if b'"desired"' in payload and (size := self.value("fill", device)):
            twin = json.loads(payload)
            twin["desired"][FILLER] = "x" * size
            payload = json.dumps(twin).encode()
        return topic, payload


def load(text: str, clock: Callable[[], float]) -> Faults:
    """The rules of a file's content."""
    try:
        document = jsontext.decode(text)
    except ValueError as error:
        raise FaultError(f"the rules are not JSON: {error}") from None
    return Faults(document, clock)


def _checked(number: int, rule: Any) -> dict[str, Any]:
    if not isinstance(rule, dict) or not isinstance(rule.get("fault"), str) or rule["fault"] not in FAULTS:
        raise FaultError(f"rule {number} must name a fault: one of {', '.join(FAULTS)}")
    own = FAULTS[rule["fault"]]
    allowed = {**COMMON, "fault": str}
    if own is not None:
        allowed[own[0]] = (int, float) if isinstance(own[1], float) else int
    if rule["fault"] in OF_THE_LINE:
        del allowed["device"]
    for name, value in rule.items():
        if name not in allowed:
            raise FaultError(
                f"rule {number} ({rule['fault']}) has no member {name!r}; there are {', '.join(allowed)}"
            )
        if not isinstance(value, allowed[name]) or isinstance(value, bool):
            raise FaultError(f"rule {number} ({rule['fault']}): {name!r} has a value of the wrong kind")
        if name in LIMITS and not LIMITS[name][0] <= value <= LIMITS[name][1]:
            low, high = LIMITS[name]
            raise FaultError(f"rule {number} ({rule['fault']}): {name!r} must be from {low} to {high}")
    return rule
