"""Messages that devices have received over HTTPS and not settled yet: nobody else gets them meanwhile.

IoT Hub developer guide, "Understand cloud-to-device messaging", the life cycle: receiving hides a message
("Invisible") for the lock time-out, a minute unless it is configured otherwise; then it is "Enqueued" again.
"""

from collections.abc import Callable
from typing import Any

from ..devices.device import Device
from ..ports import Clock
from ..timers import Timer, Timers

LOCK_S = 60.0

Message = dict[str, Any]


class Locks:
    """Locked messages by their tokens. ``unlocked(device)`` is called when a lock has ended by itself."""

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        random_bytes: Callable[[int], bytes],
        unlocked: Callable[[Device], None],
    ):
        self._clock = clock
        self._timers = timers
        self._random = random_bytes
        self._unlocked = unlocked
        self._held: dict[str, dict[str, tuple[Message, Timer]]] = {}

    def take(self, device: Device, message: Message, seconds: float) -> str:
        """Lock a message for so long; the token that settles it."""
        token = self._random(16).hex()
        ends = self._clock.monotonic() + seconds
        timer = self._timers.at(ends, lambda: self._end(device, token))
        self._held.setdefault(device.id, {})[token] = (message, timer)
        return token

    def has(self, device: Device, message: Message) -> bool:
        """Whether a message is locked."""
        return any(message is held for held, _ in self._held.get(device.id, {}).values())

    def release(self, device: Device, token: str) -> Message | None:
        """End a lock; its message, or None where there is no such lock any more."""
        held = self._held.get(device.id, {})
        if token not in held:
            return None
        message, timer = held.pop(token)
        timer.cancel()
        if not held:
            del self._held[device.id]
        return message

    def _end(self, device: Device, token: str) -> None:
        if self.release(device, token) is not None:
            self._unlocked(device)
