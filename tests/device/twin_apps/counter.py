"""An application whose messages are numbered, for tests of what gets lost."""

from twinkle import App

app = App(config={"configId": 0, "sendFrequency": "1s"})
count = [0]


@app.telemetry
def sample(board):
    """The next number."""
    count[0] += 1
    return {"n": count[0]}


@app.method("echo")
def echo(board, payload):
    """What came."""
    return payload
