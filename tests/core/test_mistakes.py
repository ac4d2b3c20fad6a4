"""What an application does wrong costs it the one thing, is said, and is known to the hub."""

import sys

from driver import Driver
from wired import Bench

from twinkle import App


def ready(app):
    d = Driver(app)
    d.device.context.explain = lambda error: "%s: %s" % (type(error).__name__, error)
    d.connect(reported=app.config)
    return d


def errors(d):
    return [action[2] for action in d.done if action[0] == "say" and action[1] == "error"]


def last_errors(d):
    return [report["lastError"] for report in d.reports() if "lastError" in report]


def with_method(handler):
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    app.method("odd")(handler)
    return ready(app)


def returning(answer):
    return lambda board, payload=None: answer


def waiting(seconds):
    def wait(board, payload):
        yield seconds

    return wait


def refuses(decorator, *arguments):
    """What a decorator says of it."""
    try:
        decorator(*arguments)
    except ValueError as error:
        return str(error)
    return "nothing"


def test_an_answer_that_cannot_be_sent_is_500_logged_and_reported():
    for answer, words in (
        ((99999999999, {}), "the status 99999999999 is not from 100 to 599"),
        ((99, None), "the status 99 is not from 100 to 599"),
        ({"a": {1, 2}}, "its answer is not JSON: value['a'] is of type set"),
        (b"bytes", "its answer is not JSON: value is of type bytes"),
        ({"a": float("nan")}, "its answer is not JSON: value['a'] is not finite"),
        (({"a": 1}, 200), "its answer is not JSON: value is of type tuple"),
    ):
        d = with_method(returning(answer))
        assert d.call("odd") == (500, {"error": "method odd failed: " + words})
        assert errors(d) == last_errors(d) == ["method odd failed: " + words]
        assert d.call("odd", rid="2")[0] == 500
    assert with_method(returning((True, {}))).call("odd")[0] == 500  # True is an int on CPython alone


def test_a_refusal_with_a_status_that_is_none_is_500():
    from twinkle import BadRequest

    def refuse(board, payload):
        raise BadRequest("no", 7)

    assert with_method(refuse).call("odd")[0] == 500


def test_a_refusal_may_say_anything():
    from twinkle import BadRequest

    def refuse(board, payload):
        raise BadRequest({"why": [1]}, 409)

    assert with_method(refuse).call("odd") == (409, {"error": {"why": [1]}})


def test_a_generator_that_yields_what_is_no_time_fails_alone():
    for seconds in (float("inf"), float("nan"), -float("inf")):
        d = with_method(waiting(seconds))
        assert d.call("odd")[0] == 500
        assert "method odd failed" in errors(d)[0]
        d.wait(60000)


def test_a_generator_that_answers_for_ever_keeps_nothing_else_waiting():
    def answer(board, payload):
        while True:
            yield {"again": True}

    d = with_method(answer)
    assert d.call("odd") == (200, {"again": True})
    for _ in range(3):
        d.step(50)
    assert d.call("nothing", rid="2")[0] == 404


def test_a_telemetry_handler_that_returns_no_dict_is_told():
    for value, kind in (([1], "list"), (21.5, "float"), ("warm", "str"), (0, "int"), ([], "list")):
        app = App(config={"configId": 1, "sendFrequency": "1s"})
        app.telemetry(returning(value))
        d = ready(app)
        d.reading({"temperature": 20})
        d.step()
        assert errors(d) == ["telemetry failed: ValueError: it returned a %s, and no dict" % kind]


def test_the_same_mistake_again_and_again_is_logged_each_time_and_reported_once():
    app = App(config={"configId": 1, "sendFrequency": "1s"})
    app.telemetry(lambda board: {"temp": float("inf")})
    d = ready(app)
    for _ in range(3):
        d.reading({"temperature": 20})
        d.wait(1000)
        if d.published("reported"):
            d.acknowledge()
    words = "telemetry failed: BadRequest: value['temp'] is not finite"
    assert errors(d) == [words] * 3
    assert last_errors(d) == [words]


def test_a_writable_property_that_answers_what_is_no_json_is_acknowledged_with_500():
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    app.writable("colours", initial=["red"])(lambda board, value: {"red", "green"})
    d = ready(app)
    d.acknowledge()
    d.notify({"colours": ["green"]}, 2)
    told = d.reports()[-1]["colours"]
    assert told["ac"] == 500 and told["value"] == ["red"] and told["av"] == 2
    assert "is of type set" in told["ad"] and "is of type set" in errors(d)[0]


def test_a_desired_handler_may_be_a_generator_and_a_newer_change_stops_it():
    seen = []
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.desired("climate")
    def climate(board, delta, merged):
        seen.append(("begun", merged))
        yield 5
        seen.append(("done", merged))

    d = ready(app)
    d.notify({"climate": 20}, 2)
    d.wait(2000)
    d.notify({"climate": 21}, 3)
    d.wait(10000)
    assert seen == [("begun", 20), ("begun", 21), ("done", 21)]


def test_a_desired_generator_that_fails_later_is_told():
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.desired("")
    def everything(board, delta, merged):
        yield 1
        raise KeyError("x")

    d = ready(app)
    d.wait(2000)
    assert len(errors(d)) == 1 and errors(d)[0].startswith("desired properties failed: KeyError")


def test_a_message_handler_may_be_a_generator():
    seen = []
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.message
    def note(board, properties, payload):
        yield 1
        seen.append(payload)

    d = ready(app)
    for text in ("a", "b"):
        d.hear("devices/MyDevice01/messages/devicebound/", text)
    d.wait(2000)
    assert seen == [b"a", b"b"]


def test_a_generator_that_will_not_end_fails_alone():
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.writable("level")
    def level(board, value):
        try:
            yield 60
        finally:
            yield 60

    d = ready(app)
    d.notify({"level": 1}, 2)
    d.notify({"level": 2}, 3)
    assert d.reports()[-1]["level"]["ac"] == 500
    assert "GeneratorExit" in errors(d)[0]
    d.notify({"level": 3}, 4)
    d.notify({"level": None}, 5)
    d.wait(200000)


def test_a_decorator_without_its_name_is_refused():
    app = App()
    for part in (app, app.component("fan")):
        assert refuses(part.method, ready) == 'write @app.method("name"), once for each name'
        assert refuses(part.writable, ready) == 'write @app.writable("name"), once for each name'
    assert refuses(app.desired, ready) == 'write @app.desired("name"), once for each name'


def test_a_second_handler_of_the_same_is_refused():
    app = App()
    for part in (app, app.component("fan")):
        part.method("blink")(ready)
        part.writable("level")(ready)
        assert refuses(part.method, "blink") == 'write @app.method("name"), once for each name'
        assert refuses(part.writable, "level") == 'write @app.writable("name"), once for each name'
    app.message(ready)
    assert refuses(app.message, ready) == "write @app.message once"
    # These are all called.
    app.telemetry(ready)
    app.telemetry(ready)
    app.desired("a")(ready)
    app.desired("a")(ready)


def test_anything_can_be_logged():
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    app.method("odd")(lambda board, payload: board.log((1, None)))
    d = ready(app)
    assert d.call("odd") == (200, None)
    assert d.said("(1, None)")


def test_a_method_that_fails_after_its_answer_is_named():
    def later(board, payload):
        yield 202, None
        yield 1
        raise OverflowError("x")

    d = with_method(later)
    assert d.call("odd")[0] == 202
    d.wait(2000)
    assert errors(d) == ["method odd failed: OverflowError: x"]


def ending(*arguments):
    sys.exit("enough")


def ending_later(*arguments):
    yield 1
    sys.exit("enough")


def ending_when_stopped(*arguments):
    try:
        yield 60
    finally:
        sys.exit("enough")


def test_a_handler_that_ends_the_program_has_failed_and_all_else_goes_on():
    app = App(config={"configId": 1, "sendFrequency": "24h"}, properties=ending)
    app.telemetry(ending)
    app.telemetry(lambda board: {"temp": 20})
    app.method("odd")(ending)
    app.method("later")(ending_later)
    app.writable("level")(ending)
    app.writable("room")(ending_when_stopped)
    app.desired("climate")(ending)
    app.message(ending)
    d = ready(app)
    d.reading({"temperature": 20})
    d.step()
    assert d.call("odd") == (500, {"error": "method odd failed: SystemExit: enough"})
    assert d.call("later", rid="2") is None
    d.wait(1000)
    assert d.answer("2") == (500, {"error": "method later failed: SystemExit: enough"})
    d.notify({"level": 1, "room": 1, "climate": 20}, 2)
    d.notify({"room": None}, 3)
    d.hear("devices/MyDevice01/messages/devicebound/", "hello")
    d.step()
    whose = "properties", "telemetry", "method odd", "method later", "desired climate", "writable level"
    assert errors(d) == [
        each + " failed: SystemExit: enough" for each in whose + ("writable room", "message")
    ]
    assert [action[2] for action in d.published("messages/events")] == [b'{"temp": 20}']


def test_a_handler_of_an_input_that_ends_the_program_has_failed_likewise():
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    app.input("door")(ending)
    app.input("bell")(ending_later)
    d = Bench(app)
    d.connect()
    d.wait(200)
    d.line("door", 0)
    d.line("bell", 1)
    d.wait(2000)
    assert d.said("input door failed: SystemExit('enough'") and d.said(
        "input bell failed: SystemExit('enough'"
    )


def test_ctrl_c_while_a_handler_is_at_work_is_no_mistake_of_its():
    def interrupted(board, payload):
        raise KeyboardInterrupt

    d = with_method(interrupted)
    try:
        d.call("odd")
    except KeyboardInterrupt:
        return
    raise AssertionError("a person could not stop it")
