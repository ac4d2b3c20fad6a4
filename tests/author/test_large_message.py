"""A message of the size that the hub takes finds room in the heap of MicroPython, wherever the program lies.

What stays of a start lies at other places for each length of a path: a heap that is collected seldom has then, with
half of it free, no hole for 4 KB.
"""

from pathlib import Path

import pytest

from twinkle_host.application import lay_out
from twinkle_host.mock_gpio.world import World

CODE = """from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "1s"})


@app.telemetry
def sample(board):
    return {"text": "x" * 4000}
"""


@pytest.mark.parametrize("length", [1, 20, 40, 60, 80, 100])
def test_it_is_sent_from_a_path_of_any_length(length, tmp_path):
    file = tmp_path / "kitchen.py"
    file.write_text(CODE)
    folder = Path(tmp_path, "x" * length)
    world = World("micropython", places=[folder])
    try:
        board = world.add("kitchen", lay_out(file, folder))
        world.until(lambda: board.state == "ready")
        world.run(3)
        assert len([message for message in board.telemetry if len(message["text"]) == 4000]) >= 3
        assert [line for line in board.log if "error" in line] == []
    finally:
        world.close()
