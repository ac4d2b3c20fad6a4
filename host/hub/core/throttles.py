"""How much a hub takes in a time, and 429 for what is more. Off unless asked for.

IoT Hub, "Quotas and throttling": the rates of one S1 unit. Each operation has a
bucket that holds one period's worth, so a burst is absorbed, and fills steadily.
(Azure queues a little before it refuses; this hub does not.)
"""

from typing import NamedTuple

from .errors import HubError
from .ports import Clock

CONNECTIONS = "new connections"
TELEMETRY = "device-to-cloud messages"
TWIN_READS = "twin reads"
TWIN_UPDATES = "twin updates"
METHODS = "direct methods"
MESSAGES = "cloud-to-device messages"
REGISTRY = "registry operations"
QUERIES = "queries"
JOBS = "job operations"
JOB_DEVICES = "operations of jobs on devices"
CONFIGURATIONS = "configuration operations"
UPLOADS = "file uploads"
RECEIVES = "cloud-to-device receives over HTTPS"

METHOD_STEP = 4096  # bytes of payload; each begun step counts


class Rate(NamedTuple):
    """So many in so many seconds."""

    count: float
    seconds: float


RATES = {
    CONNECTIONS: Rate(100, 1),
    TELEMETRY: Rate(100, 1),
    TWIN_READS: Rate(100, 1),
    TWIN_UPDATES: Rate(50, 1),
    METHODS: Rate(40, 1),  # 160 KB/s in steps of 4 KB
    MESSAGES: Rate(100, 60),
    REGISTRY: Rate(100, 60),
    QUERIES: Rate(20, 60),
    JOBS: Rate(100, 60),
    JOB_DEVICES: Rate(10, 1),
    CONFIGURATIONS: Rate(20, 60),
    UPLOADS: Rate(100, 60),  # initiations
    RECEIVES: Rate(1000, 60),
}


class Throttles:
    """The buckets of one hub. ``share``: of the documented rates; None takes everything."""

    def __init__(self, clock: Clock, share: float | None = None):
        self._clock = clock
        self.refused = dict.fromkeys(RATES, 0)
        self.set(share)

    def set(self, share: float | None) -> None:
        """Switch on (1.0 is what is documented), change, or switch off with None; buckets begin full."""
        self.share = share
        now = self._clock.monotonic()
        self._buckets = {name: (self._room(name), now) for name in RATES}

    def spend(self, operation: str, amount: int = 1) -> None:
        """Count an operation; 429001 when it is too much now, with the seconds until it is not."""
        wait = self.wait(operation, amount)
        if wait:
            rate = RATES[operation]
            self.refused[operation] += 1
            raise HubError(
                "ThrottlingException",
                f"Too many {operation}: this hub takes {rate.count * (self.share or 0):g} in {rate.seconds:g} s. "
                f"Try again in {wait:.1f} s, and send less often.",
            )

    def wait(self, operation: str, amount: int = 1) -> float:
        """Count an operation if it is not too much now; the seconds until it is not, 0 when it was counted."""
        if self.share is None:
            return 0.0
        rate, room, now = RATES[operation], self._room(operation), self._clock.monotonic()
        level, since = self._buckets[operation]
        level = min(room, level + (now - since) * rate.count * self.share / rate.seconds)
        # What is larger than the bucket would never pass; it passes when the bucket is full.
        short = min(amount, room) - level
        if short > 1e-9:
            self._buckets[operation] = (level, now)
            return short * rate.seconds / (rate.count * self.share)
        self._buckets[operation] = (level - amount, now)
        return 0.0

    def _room(self, operation: str) -> float:
        return max(1.0, RATES[operation].count * (self.share or 0))
