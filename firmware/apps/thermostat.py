"""A Plug and Play thermostat: ``dtmi:com:example:Thermostat;1``.

Telemetry ``temperature`` (°C), writable ``targetTemperature``, read-only
``maxTempSinceLastReboot``, command ``getMaxMinReport(since)``.
"""

from apps.history import History
from apps.instant import parse_iso
from twinkle import App
from twinkle.core.clock import iso
from twinkle.core.errors import BadRequest

LOWEST, HIGHEST = 5, 45  # what a room can be asked for, in °C


def add_thermostat(part, read):
    """Make ``part`` (an app or a component) a thermostat; ``read(board)`` is its temperature or None."""
    history = History()
    greatest = [None]

    @part.telemetry
    def sample(board):
        value = read(board)
        if value is None:
            return None
        if board.utc is not None:
            history.add(board.utc, value)
        if greatest[0] is None or value > greatest[0]:
            greatest[0] = value
            part.report(board, {"maxTempSinceLastReboot": value})
        return {"temperature": value}

    @part.method("getMaxMinReport")
    def get_max_min_report(board, payload):
        try:
            since = parse_iso(payload)
        except ValueError:
            raise BadRequest("the payload must be a time such as 2026-11-21T08:30:00Z") from None
        found = history.since(since)
        if found is None:
            raise BadRequest("there is no sample since " + payload, 404)
        least, most, mean, begin, end = found
        return {
            "maxTemp": most,
            "minTemp": least,
            "avgTemp": round(mean, 2),
            "startTime": iso(begin),
            "endTime": iso(end),
        }

    @part.writable("targetTemperature", initial=20.0, done="Successfully executed patch")
    def target_temperature(board, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadRequest("targetTemperature must be a number")
        if not LOWEST <= value <= HIGHEST:
            raise BadRequest("targetTemperature must be from %d to %d" % (LOWEST, HIGHEST))


app = App(model_id="dtmi:com:example:Thermostat;1", config={"configId": 0, "sendFrequency": "30s"})
add_thermostat(app, lambda board: board.temperature)
