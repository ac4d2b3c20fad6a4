"""A door whose light follows it, and a room under the roof: what a board file names, in one application."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "3s"})
opened = [0]  # how often


@app.input("door")
def door(board, active):
    """Counted in the twin, so that a bounce would show."""
    opened[0] += active
    board.outputs["lamp"].on() if active else board.outputs["lamp"].off()
    board.report({"door": {"open": active, "opened": opened[0]}})
    return {"door": active}


@app.telemetry
def climate(board):
    """What is not known is left out."""
    attic = board.sensors["attic"].temperature
    return {} if attic is None else {"attic": attic}


@app.method("fan")
def fan(board, level):
    """``level``: 0.0 to 1.0."""
    board.outputs["fan"].dim(level)
    board.outputs["fan"].on()
    return board.outputs["fan"].level
