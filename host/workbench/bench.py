"""A board on its bench: its power, what its sensor is in, its line to the hub, its pins, console and log."""

import json
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from ..device_directory import PICO
from ..mock_gpio.sensor import RANGES, day
from .pins import DESKTOP, Pins

OF_THE_POWER = ("scratch.json", "cause")  # what a Pico W's watchdog keeps for as long as there is power
LOGGED = 500  # lines of the device's log that are kept for who looks later
LONGEST_LINE = 1000  # characters of each
FAULTS = {"absent": "no answer", "bit": "wrong checksum", "stale": "the last sample again"}
USUAL = {"model": "DHT22"}  # of the desktop's port, also where its board file names no sensor


class Refused(Exception):
    """What was asked of the bench cannot be; the text says why."""


class Bench:
    """One board. ``state``: the device's directory; ``settings``: its board file; ``has_cable``: its line is ours.

    ``twinkle run`` calls ``started`` and ``said``, and lets ``wait_for_power`` keep it; all else is called by the
    thread of the control socket.
    """

    def __init__(self, state: Path, settings: dict[str, Any], interpreter: str, has_cable: bool):
        self._state = state
        self._settings = settings
        self._interpreter = interpreter
        self._has_cable = has_cable
        self.pins = Pins(state / "pins.jsonl", settings)
        self.log: deque[tuple[int, str]] = deque(maxlen=LOGGED)
        self._numbers = 0
        self.deeds = 0  # that were done here, so that what is seen can be told from what was before one
        # The cable, or the Wi-Fi network.
        self.connected = self._read("air").get("wifi") != "gone"
        self._powered = threading.Event()
        self._powered.set()
        self._process: subprocess.Popen | None = None
        self._cut: subprocess.Popen | None = None  # whose power went

    # --- what twinkle run tells

    def started(self, process: subprocess.Popen) -> None:
        """The device's process runs."""
        self._process = process
        if self.is_off:
            self._cut_off()  # the switch was quicker

    def starts(self) -> None:
        """It is about to start; after a power cut, as a board that has just been given power."""
        self.pins.go_dark()
        if self._process is not None and self.was_cut_off(self._process):
            for name in OF_THE_POWER:
                (self._state / name).unlink(missing_ok=True)

    def said(self, line: str) -> None:
        """A line of its log; a very long one loses its end."""
        self._numbers += 1
        if len(line) > LONGEST_LINE:
            line = line[:LONGEST_LINE] + " …"
        self.log.append((self._numbers, line))

    def wait_for_power(self) -> None:
        """Until the power is on."""
        self._powered.wait()

    def was_cut_off(self, process: subprocess.Popen) -> bool:
        """Whether this process ended because its power went, be that back meanwhile or not."""
        return process is self._cut

    @property
    def is_off(self) -> bool:
        """Whether somebody has switched the power off."""
        return not self._powered.is_set()

    # --- what is seen

    def seen(self) -> dict[str, Any]:
        """All that there is to see now."""
        process, sensors = self._process, self._models()
        running = process is not None and process.poll() is None
        if running:
            self.pins.look()
        else:
            self.pins.go_dark()
        return {
            "board": self._settings.get("name") or "board",
            "description": self._settings.get("description"),
            "interpreter": self._interpreter,
            "deeds": self.deeds,
            "powered": not self.is_off,
            "running": running,
            "lines": self.pins.lines(self._read("inputs")),
            "sensor": self._sensor(None, self._read("sensor")) if None in sensors else None,
            "sensors": {
                name: self._sensor(name, self._rooms().get(name) or {})
                for name in sensors
                if name is not None
            },
            "network": {"kind": "Wi-Fi" if self._is_pico else "Cable", "connected": self.connected}
            if self._is_pico or self._has_cable
            else None,
        }

    def _models(self) -> dict[str | None, str]:
        """Of the sensors that are in a room, by their names; None is that of the one without. Not "own"."""
        about = self._settings.get("sensor") or (USUAL if self._settings["port"] == DESKTOP else None)
        found: dict[str | None, str] = {None: about["model"]} if about else {}
        named = self._settings.get("sensors") or {}
        return found | {name: each["model"] for name, each in named.items() if each["model"] != "own"}

    def _rooms(self) -> dict[str, Any]:
        rooms = self._read("sensor").get("sensors")
        rooms = rooms if isinstance(rooms, dict) else {}
        return {name: room for name, room in rooms.items() if isinstance(room, dict)}

    def _sensor(self, name: str | None, told: dict[str, Any]) -> dict[str, Any]:
        room, model = day(time.time()), self._models()[name]
        return {
            "model": model,
            "ranges": RANGES[model],
            "temperature": told.get("temperature", room["temperature"]),
            "humidity": told.get("humidity", room["humidity"]),
            "fault": told.get("fault"),
            "told": "temperature" in told,
        }

    # --- what is done

    def power(self, on: bool) -> None:
        """Switch its power. Off is off: the process gets no word of it."""
        if on:
            self._powered.set()
            return
        self._powered.clear()
        self._cut_off()

    def _cut_off(self) -> None:
        if self._process is not None:
            self._cut = self._process
            self._process.kill()

    def network(self, on: bool) -> None:
        """Plug the cable, or let the Wi-Fi network be there."""
        self.connected = on
        if self._is_pico:
            self._write("air", None if on else {"wifi": "gone"})
        elif not self._has_cable:
            raise Refused("this board's line does not run through this computer's hand")

    def lead_through(self, port: int, hub_port: int) -> None:
        """The device's line to this port of the hub begins at another one of this computer."""
        self._write("cable", {"port": port, "hub": hub_port})

    def lead_directly(self) -> None:
        """It does no longer."""
        self._write("cable", None)

    def sensor(self, name: str | None = None, **room: Any) -> None:
        """Say what the room is like (``temperature`` in °C, ``humidity`` in %), and which ``fault`` the sensor has.

        ``name``: the sensor's, if it has one.
        """
        model = self._models().get(name)
        if model is None:
            raise Refused("this board has no sensor" + (f" {name!r} in a room" if name else ""))
        told = self._read("sensor") if name is None else dict(self._rooms().get(name) or {})
        for member, value in room.items():
            if member in RANGES[model]:
                low, high = RANGES[model][member]
                if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                    raise Refused(f"{member} is a number from {low:g} to {high:g}")
            elif member != "fault" or (value is not None and value not in FAULTS):
                raise Refused(f"a sensor has {', '.join(RANGES[model])} and a fault: {', '.join(FAULTS)}")
        told.update(room)
        if "temperature" in told or "humidity" in told:
            told = {**day(time.time()), **told}
        self._tell(name, {member: value for member, value in told.items() if value is not None})

    def day(self, name: str | None = None) -> None:
        """Let the room have its own day again, and the sensor no fault; ``name`` as of sensor()."""
        rooms = self._rooms()
        self._tell(name, {"sensors": rooms} if name is None and rooms else {})

    def _tell(self, name: str | None, told: dict[str, Any]) -> None:
        if name is not None:
            rooms = {**self._rooms(), name: told}
            rooms = {each: rooms[each] for each in rooms if rooms[each]}
            told = {member: value for member, value in self._read("sensor").items() if member != "sensors"}
            told.update({"sensors": rooms} if rooms else {})
        self._write("sensor", told or None)

    def press(self, name: str, active: bool) -> None:
        """Make an input active, or let go of it."""
        if name not in (self._settings.get("inputs") or {}):
            raise Refused(f"this board has no input {name!r}")
        self._write("inputs", {**self._read("inputs"), name: bool(active)})

    @property
    def _is_pico(self) -> bool:
        return self._settings["port"] == PICO

    def _read(self, name: str) -> dict[str, Any]:
        try:
            told = json.loads((self._state / f"{name}.json").read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _write(self, name: str, content: dict[str, Any] | None) -> None:
        # Whole or not at all: the device may read it at any moment.
        file = self._state / f"{name}.json"
        if content is None:
            file.unlink(missing_ok=True)
            return
        new = file.with_suffix(".new")
        new.write_text(json.dumps(content))
        new.replace(file)
