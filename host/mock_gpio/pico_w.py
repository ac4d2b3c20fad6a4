"""A Board that is a process: the Pico W's port under MicroPython on stand-ins, with a real hub over TLS."""

import json
import queue
import threading
from pathlib import Path

from ..dev.device import Device
from ..device_directory import Prepared
from ..waiting import PATIENCE_S, eventually
from . import witness
from .board import ROOM, Board, History, Told, note
from .pin_record import recorded
from .process import HEAP, LOST_WITH_POWER
from .world import answered


class PicoBoard(Board):
    """``hub`` is its LiveHub, ``folder`` its directory, where files say more about the world (``pico/bench.py``)."""

    inputs = rooms = None  # instead of what must be asked for: here they are at hand

    def __init__(self, hub, folder, device_id, settings):
        self.rooms = Told("sensor", {name: {} for name in settings.get("sensors", {})}, self._tell_room)
        self.inputs = Told("input", dict.fromkeys(settings.get("inputs", {}), False), self._move)
        self.hub, self.folder, self.device_id = hub, folder, device_id
        self._settings = settings
        self._log, self._bodies = [], []
        self._lock = threading.Lock()
        text = f"{hub.add(device_id)};Port={hub.info['mqttPort']}"
        witness.keep_secret(text)
        self._prepared = Prepared(folder, settings)
        self._prepared.prepare(text, Path(hub.info["caFile"]).read_bytes(), mock=True)
        self._tell_room()
        self._forget = hub.call("listen", self._event)
        self._device = None

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in ROOM:
            self._tell_room()

    def desired(self, patch):
        self.hub.call("patch_twin", self.device_id, {"properties": {"desired": patch}})

    @property
    def reported(self):
        return self.hub.reported(self.device_id)

    def call(self, name, payload=None):
        outcome = queue.Queue()
        self.hub.call("invoke", self.device_id, name, payload, done=outcome.put)
        return answered(outcome.get(timeout=PATIENCE_S))

    @property
    def telemetry(self):
        return list(self._bodies)

    @property
    def outputs(self):
        parts = {"led": self._settings["led"], **self._settings.get("outputs", {})}
        return {name: self._shown(part["pin"], part.get("active") == "low") for name, part in parts.items()}

    @property
    def log(self):
        with self._lock:
            return list(self._log)

    @property
    def restarts(self):
        return self._device.starts - 1

    def run(self, seconds=1.0):
        self.hub.pass_time(seconds)

    def until(self, condition, limit=60.0):
        eventually(condition, max(limit, PATIENCE_S), lambda: "\n".join(self.log))

    def unplug(self):
        self._tell("air", {"wifi": "gone"})
        self.hub.drop(self.device_id)

    def plug(self):
        self._tell("air", {})

    def power_off(self):
        self._device.kill()

    def power_on(self):
        for name in LOST_WITH_POWER:
            (self.folder / name).unlink(missing_ok=True)
        self._device = Device(self._prepared, True, self._said, heap=HEAP)
        self._device.start()

    def started(self):
        """Wait until it is ready for the first time."""
        self.until(lambda: any(" info ready: " in line for line in self.log))
        return self

    def close(self):
        """End it."""
        if self._device is not None:
            self._device.stop()
        self._forget()
        witness.note(f"the log of {self.folder}", "\n".join(self.log))

    def _said(self, item):
        kind, text = item
        line = text if kind == "device" else f"the program ended with status {text}"
        with self._lock:
            self._log.append(line)
        note(self.device_id, line)

    def _event(self, event):
        if event["source"] == "Telemetry" and event["deviceId"] == self.device_id:
            self._bodies.append(event["body"])

    def _shown(self, pin, inverted):
        """Changes of a pin that is dark at first."""
        history = History()
        for entry in recorded(self.folder / "pins.jsonl")[0]:
            level = float(1 - entry["level"] if inverted else entry["level"])
            if entry["pin"] == pin and level != (history[-1][1] if history else 0.0):
                history.append((entry["ms"] / 1000, level))
        return history

    def _tell_room(self, _=None):
        self._tell("sensor", {**self._room(), "sensors": {name: self._room(name) for name in self.rooms}})

    def _move(self, _):
        self._tell("inputs", self.inputs)

    def _tell(self, what, content):
        new = self.folder / f"{what}.new"
        new.write_text(json.dumps(content))
        new.replace(self.folder / f"{what}.json")
