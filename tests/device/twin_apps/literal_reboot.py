"""The reboot tutorial to the letter: report the time first, answer when the simulated reboot is over."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "24h"})


@app.method("rebootDevice")
def reboot_device(board, payload):
    """Wait, report, answer."""
    yield 20
    board.report({"rebootTime": "2026-11-21 08:30:00.123456", "payload": payload})
    return 200, {"Response": "This is the response from the device"}
