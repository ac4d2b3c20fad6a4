"""NAME: what it measures, and what can be asked of it. NAME.json beside this file is its model."""

from twinkle import App, BadRequest

app = App(model_id="dtmi:com:example:NAME;1", config={"configId": 1, "sendFrequency": "2s"})


@app.telemetry  # every sendFrequency of the configuration that is in force
def sample(board):
    if board.temperature is None:  # the sensor did not answer; nothing is made up
        return None
    return {"temperature": board.temperature, "humidity": board.humidity}


@app.method("blink")  # seconds are yielded, never slept: all else goes on meanwhile
def blink(board, payload):
    yield 202, None  # the answer
    for _ in range(3):
        board.led.on()
        yield 0.2
        board.led.off()
        yield 0.2


@app.writable("brightness")  # acknowledged for you; what is refused is acknowledged as refused
def brightness(board, value):
    if not isinstance(value, int) or not 0 <= value <= 100:
        raise BadRequest("brightness is a whole number from 0 to 100")
    board.led.dim(value / 100)  # of the LED whenever it is on
