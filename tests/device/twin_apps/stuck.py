"""An application with a handler that never ends, for the watchdog."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "24h"})


@app.method("stick")
def stick(board, payload):
    while True:
        pass
