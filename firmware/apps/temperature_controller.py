"""A Plug and Play temperature controller: ``dtmi:com:example:TemperatureController;1``.

Component ``thermostat1`` is the room's sensor, ``thermostat2`` the board's own
temperature where it has such a sensor; ``deviceInformation`` is what the board
file says of the board. Telemetry ``workingSet`` (KiB), property ``serialNumber``,
command ``reboot``.
"""

from apps.thermostat import add_thermostat
from twinkle import App, BadRequest
from twinkle.core.document import wrap

LONGEST_DELAY_S = 60


def properties(board):
    """What is reported at the start."""
    known = wrap("deviceInformation", board.information)
    known["serialNumber"] = board.information.get("serialNumber", "unknown")
    return known


app = App(
    model_id="dtmi:com:example:TemperatureController;1",
    config={"configId": 0, "sendFrequency": "30s"},
    properties=properties,
)
add_thermostat(app.component("thermostat1"), lambda board: board.temperature)
add_thermostat(app.component("thermostat2"), lambda board: board.own_temperature)


@app.telemetry
def working_set(board):
    """The memory in use, in KiB."""
    return None if board.memory is None else {"workingSet": round(board.memory / 1024, 1)}


@app.method("reboot")
def reboot(board, payload):
    """Restart after ``payload`` seconds."""
    delay = 0 if payload is None or payload == "" else payload
    if isinstance(delay, bool) or not isinstance(delay, int) or not 0 <= delay <= LONGEST_DELAY_S:
        raise BadRequest("the delay must be a whole number of seconds up to %d" % LONGEST_DELAY_S)
    yield 200, None
    yield delay
    board.reboot()
