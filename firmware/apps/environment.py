"""The default application: a room's temperature and humidity, and an LED.

Telemetry ``temp`` (°C) and ``humid`` (% relative); methods ``blink``, ``turnon``,
``turnoff`` and ``rebootDevice``; configuration by ``configId`` and
``sendFrequency``.
"""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "30s"})


@app.telemetry
def sample(board):
    """One message, or none when the sensor did not answer."""
    if board.temperature is None:
        return None
    return {"temp": board.temperature, "humid": board.humidity}


@app.method("blink")
def blink(board, payload):
    """Blink with a period of ``payload`` seconds."""
    board.led.blink(payload)
    return {"description": "Blinking LED every %s seconds" % payload}


@app.method("turnon")
def turn_on(board, payload):
    """Light the LED."""
    board.led.on()


@app.method("turnoff")
def turn_off(board, payload):
    """Put the LED out."""
    board.led.off()


@app.method("rebootDevice")
def reboot_device(board, payload):
    """Restart; whatever the payload holds is accepted."""
    board.reboot()
    return {"Response": "This is the response from the device"}
