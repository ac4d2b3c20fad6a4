"""An LED without PWM: on and off are all that it can show, and more is refused in words."""

from driver import Driver, Session

from twinkle import App


def dimming():
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.writable("brightness")
    def brightness(board, value):
        board.led.dim(value)

    return app


def test_a_brightness_that_it_cannot_show_is_refused_and_the_one_in_force_is_acknowledged():
    d = Driver(dimming())
    d.device.board.led.dims = False
    d.connect({"brightness": 1}, reported={"configId": 1, "sendFrequency": "24h"})
    assert d.reports()[-1]["brightness"] == {"value": 1, "ac": 200, "av": 1, "ad": "completed"}
    d.acknowledge()
    d.notify({"brightness": 0.5}, 2)
    told = {"value": 1, "ac": 400, "av": 2, "ad": "this LED cannot be dimmed"}
    assert d.reports()[-1]["brightness"] == told
    d.acknowledge()
    d.notify({"brightness": 0}, 3)
    assert d.reports()[-1]["brightness"]["ac"] == 200


def test_the_console_says_so_too():
    session = Session(app=dimming())
    session.driver.device.board.led.dims = False
    assert session.type("led brightness 0.5") == ["err 400 this LED cannot be dimmed"]
    assert session.type("led on") == ["level: 1.0", "ok"]
    assert session.type("led brightness 0") == ["level: 0.0", "ok"]
    assert session.type("led brightness 1", "led on") == ["level: 0.0", "ok", "level: 1.0", "ok"]
