"""The default application: a room's temperature and humidity, and an LED.

Telemetry ``temp`` (°C) and ``humid`` (% relative); methods ``blink``, ``turnon``,
``turnoff``, ``rundiagnostics`` and ``rebootDevice``; writable properties ``name``
and ``brightness`` (1 high, 2 medium, 3 low); configuration by ``configId`` and
``sendFrequency``. The model is ``environment.json`` beside this file.
"""

from twinkle import App, BadRequest
from twinkle.core.clock import iso

LEVELS = {1: 1.0, 2: 0.5, 3: 0.2}  # the LED's duty for each brightness
NAME_S = 1  # what applying a name takes
BRIGHTNESS_S = 5
DIAGNOSTICS_S = 6


def properties(board):
    """What is reported at the start."""
    known = {"state": True, "swVersion": "1.0.0"}
    if "processorArchitecture" in board.information:
        known["processorArchitecture"] = board.information["processorArchitecture"]
    return known


app = App(
    model_id="dtmi:twinkle:Environment;1",
    config={"configId": 1, "sendFrequency": "30s"},
    properties=properties,
)


@app.telemetry
def sample(board):
    """One message, or none when the sensor did not answer."""
    if board.temperature is None:
        return None
    values = {"temp": board.temperature}
    if board.humidity is not None:
        values["humid"] = board.humidity
    return values


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


@app.method("rundiagnostics")
def run_diagnostics(board, payload):
    """Answer at once; the result is reported when it is there."""
    yield 202, None
    yield DIAGNOSTICS_S
    board.report({"rundiagnostics": {"value": "Diagnostics run complete at %s." % iso(board.utc)}})


@app.method("rebootDevice")
def reboot_device(board, payload):
    """Restart; whatever the payload holds is accepted."""
    board.reboot()
    return {"Response": "This is the response from the device"}


@app.writable("name")
def name(board, value):
    """The room's name."""
    if not isinstance(value, str):
        raise BadRequest("name must be a text")
    yield NAME_S


@app.writable("brightness", initial=1)
def brightness(board, value):
    """How bright the LED is when it is lit."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in LEVELS:
        raise BadRequest("brightness must be 1 (high), 2 (medium) or 3 (low)")
    yield BRIGHTNESS_S
    board.led.dim(LEVELS[value])
