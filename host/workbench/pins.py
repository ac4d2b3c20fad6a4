"""What the pins of a simulated board show, as its port has recorded it from them in ``pins.jsonl``."""

from pathlib import Path
from typing import Any

from ..mock_gpio.pin_record import recorded

LED = "LED"
DESKTOP = "mock_gpio.port"


class Pins:
    """The levels of one board. ``settings``: the content of its board file."""

    def __init__(self, file: Path, settings: dict[str, Any]):
        self._file = file
        self._led = settings.get("led") or {}
        # The desktop's port has one, also where its board file names none.
        self._has_led = "led" in settings or settings.get("port") == DESKTOP
        self._outputs: dict[str, Any] = settings.get("outputs") or {}
        self._inputs: dict[str, Any] = settings.get("inputs") or {}
        parts = {**self._outputs, LED: self._led}
        self._names = {about["pin"]: name for name, about in parts.items() if "pin" in about}
        self._levels: dict[str, float] = {}
        self._at = 0
        self.go_dark()

    def go_dark(self) -> None:
        """Without power no pin shows anything, and what was recorded is over."""
        self._levels = {}
        self._at = self._file.stat().st_size if self._file.exists() else 0

    def look(self) -> None:
        """Read what was recorded since the last look."""
        news, self._at = recorded(self._file, self._at)
        for entry in news:
            self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        if "led" in entry:
            self._levels[LED] = float(entry["led"])
            return
        # All others are told by a pin's level, not by what that lights; the mock port's pins have names alone.
        name = entry.get("output") or self._names.get(entry.get("pin"))
        if name is not None:
            level = float(entry["level"])
            about = self._led if name == LED else self._outputs[name]
            self._levels[name] = 1.0 - level if about.get("active") == "low" else level

    def lines(self, pressed: dict[str, Any]) -> list[dict[str, Any]]:
        """Every line with a name: LED, outputs, and inputs, of which ``pressed`` says what is active."""
        level = self._levels.get(LED, 0.0)
        led = {"name": LED, "kind": "led", "pin": self._led.get("pin"), "level": level}
        found = [led] if self._has_led else []
        for name, about in self._outputs.items():
            level = self._levels.get(name, 0.0)
            found.append({"name": name, "kind": "output", "pin": about.get("pin"), "level": level})
        for name, about in self._inputs.items():
            active = bool(pressed.get(name))
            found.append({"name": name, "kind": "input", "pin": about.get("pin"), "level": float(active)})
        return found
