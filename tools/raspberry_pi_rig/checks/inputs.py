"""Inputs, on a simulated GPIO chip in the emulated computer."""

import base64
import json
from pathlib import Path

from .. import simulator
from ..judge import expect
from .world import World

PRESSES = 3
LINES = Path(__file__).parent.parent / "lines.py"


def edges_arrive(world: World) -> str:
    """Every edge of an input reaches gpiozero through the lgpio that the product has installed."""
    script = base64.b64encode(LINES.read_bytes()).decode()
    said = world.on(
        f"modprobe configfs; modprobe {simulator.NAME}; mount -t configfs none /sys/kernel/config 2>/dev/null;"
        f"cd /run && echo {script} | base64 -d >lines.py && /opt/twinkle/venv/bin/python lines.py {PRESSES};"
        "rm -f lines.py"
    )
    events = json.loads(said.splitlines()[-1]) if said.endswith("]") else said
    expect(events == ["pressed", "released"] * PRESSES, events)
    return f"{len(events)} events"
