"""Runs one row on one interpreter, and collects what is printed of it."""

import json
from pathlib import Path

from twinkle_host import trial
from twinkle_host.application import findable, lay_out
from twinkle_host.failure import Failure
from twinkle_host.mock_gpio.world import World

SECONDS = 3  # of virtual time, in which three samples are taken
LEVELS = ("warning", "error")


def printed(row, interpreter, folder: Path):
    """The lines: the refusal of run, flash and dev; or warnings and errors of the log, and the method's answer."""
    file = folder / "kitchen.py"
    file.write_text(row.head + row.code)
    try:
        trial.try_out(file, row.parts or {}, interpreter)
    except Failure as failure:
        return ["twinkle: " + failure.message]
    if interpreter == "micropython":
        return _run(row, World(interpreter, places=[folder / "program"]), lay_out(file, folder / "program"))
    with findable(file) as name:
        return _run(row, World(interpreter), name)


def _run(row, world, name):
    answers = []
    try:
        board = world.add("kitchen", name, parts=row.parts)
        board.fault = row.fault
        world.until(lambda: board.state == "ready")
        if row.call != "-":
            result = board.call("warm", row.call)
            answers = [f"answer {result.status} {json.dumps(result.payload)}"]
        if row.desired:
            if None in row.desired.values():
                world.desired(board.device_id, {key: {"degrees": 20} for key in row.desired})
                world.run(SECONDS)
            world.desired(board.device_id, row.desired)
        if row.message is not None:
            topic = f"devices/{board.device_id}/messages/devicebound/"
            board.send(topic, row.message, 1)
        for one in board.inputs:
            world.run(1)
            board.inputs[one] = True
        world.run(SECONDS)
    finally:
        world.close()
    lines = [line.partition(" ")[2] for line in board.log]
    return list(dict.fromkeys([line for line in lines if line.startswith(LEVELS)] + answers))
