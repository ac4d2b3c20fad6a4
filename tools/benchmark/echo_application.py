"""Our device at the work of the benchmark, on both interpreters; see the module work.

An application cannot send faster than once a second, so the method ``send`` keeps the device's own
queue of telemetry filled; from there everything is as ever.
"""

from twinkle import App

BATCH = 16  # of the 32 that the queue holds
BODY = {"temp": 21.5, "humid": 40.0}

app = App(config={"configId": 1, "sendFrequency": "168h"})
queue = None  # the device's telemetry; the program that runs it gives it


@app.method("echo")
def echo(board, payload):
    """What came."""
    return payload


@app.method("send")
def send(board, payload):
    """Send so many messages."""
    yield 200, payload
    while payload > 0:
        while payload > 0 and len(queue) < BATCH:
            queue.add(BODY, None, 0)
            payload -= 1
        yield 0.001
