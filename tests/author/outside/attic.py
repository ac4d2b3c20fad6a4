"""attic: how warm it is under the roof, and a lamp that says when it is too warm."""

from twinkle import App, BadRequest

app = App(model_id="dtmi:com:example:attic;1", config={"configId": 1, "sendFrequency": "1s"})
state = {"limit": 30, "alarms": 0}


@app.telemetry
def sample(board):
    if board.temperature is None:
        return None
    if board.temperature > state["limit"] and not board.led.level:
        state["alarms"] += 1
        board.led.on()
        board.report({"alarms": state["alarms"]})
    return {"temperature": board.temperature, "tooWarm": board.temperature > state["limit"]}


@app.method("quiet")
def quiet(board, payload):
    board.led.off()
    return {"alarms": state["alarms"]}


@app.writable("limit")
def limit(board, value):
    if not isinstance(value, int) or not 0 <= value <= 80:
        raise BadRequest("limit is a whole number of degrees from 0 to 80")
    state["limit"] = value
