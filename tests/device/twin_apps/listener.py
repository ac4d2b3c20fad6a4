"""An application that reports what messages it was sent."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "24h"})


@app.message
def listen(board, properties, payload):
    """Report it."""
    board.report({"heard": {"text": str(payload, "utf-8"), "level": properties.get("level")}})
