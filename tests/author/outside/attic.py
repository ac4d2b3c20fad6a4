"""attic: how warm it is under the roof; a fan that cools it while the hatch is shut, and a lamp while it is open."""

from twinkle import App, BadRequest

app = App(model_id="dtmi:com:example:attic;1", config={"configId": 1, "sendFrequency": "1s"})
state = {"limit": 30, "opened": 0, "open": False}


def cool(board):
    warm = board.temperature is not None and board.temperature > state["limit"]
    if warm and not state["open"]:
        board.outputs["fan"].on()
    else:
        board.outputs["fan"].off()


@app.telemetry
def sample(board):
    cool(board)
    return None if board.temperature is None else {"temperature": board.temperature}


@app.input("hatch")
def hatch(board, active):
    state["open"] = active
    state["opened"] += active
    if active:
        board.outputs["lamp"].on()
    else:
        board.outputs["lamp"].off()
    cool(board)
    board.report({"opened": state["opened"]})


@app.method("limit")
def limit(board, payload):
    if not isinstance(payload, int) or not 0 <= payload <= 80:
        raise BadRequest("limit is a whole number of degrees from 0 to 80")
    state["limit"] = payload
    return {"opened": state["opened"]}
