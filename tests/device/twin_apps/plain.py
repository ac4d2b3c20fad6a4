"""The least that the configuration and reboot stories need."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "30s"})


@app.telemetry
def sample(board):
    """One message."""
    return {"temp": board.temperature, "humid": board.humidity}


@app.method("turnon")
def turn_on(board, payload):
    """Light the LED."""
    board.led.on()


@app.method("rebootDevice")
def reboot_device(board, payload):
    """Restart."""
    board.reboot()
    return {"Response": "This is the response from the device"}
