"""A verb on the console and a method from the cloud reach the same handler and come to the same."""

import json

from driver import Driver, Session

from apps.environment import app
from twinkle import App
from twinkle.core.handlers import DEADLINE_MS

# The verb's line, the method, its payload; what both must come to.
SAME = (
    ("led on", "turnon", None),
    ("led off", "turnoff", None),
    ("led blink 2", "blink", 2),
    ("led blink 0.5", "blink", 0.5),
    ("led blink 0", "blink", 0),
    ("led blink 5000", "blink", 5000),
    ("reboot", "rebootDevice", None),
    ("call turnon", "turnon", None),
    ("call turnoff", "turnoff", None),
    ("call blink 2", "blink", 2),
    ('call blink "fast"', "blink", "fast"),
    ("call blink", "blink", None),
    ("call rundiagnostics", "rundiagnostics", None),
    ('call rebootDevice {"delay": 1}', "rebootDevice", {"delay": 1}),
    ("call nothing", "nothing", None),
)


def fresh():
    d = Driver(app)
    d.connect(
        reported={
            "configId": 1,
            "sendFrequency": "30s",
            "state": True,
            "swVersion": "1.0.0",
            "brightness": {},
        }
    )
    d.wait(20)
    return d


def effects(d):
    """What the device did, apart from its answers, within the next ten seconds."""
    at = len(d.done)
    for _ in range(100):
        d.step(100)
    led = (d.device.board.led.level, d.device.board.led.period)
    kinds = ("led", "store", "reset", "disconnect")
    return led, d.device.board.rebooting, [action for action in d.done[at:] if action[0] in kinds]


def by_method(name, payload):
    d = fresh()
    d.hear("$iothub/methods/POST/%s/?$rid=1" % name, json.dumps(payload))
    done = effects(d)
    return d.answer("1"), done


def by_verb(line):
    d = fresh()
    session = Session(d.device)
    lines = session.type(line, now=d.now)
    done = effects(d)
    return (lines + session.listen(d.now)), done


def test_each_verb_and_its_method_do_the_same_and_refuse_the_same():
    for line, method, payload in SAME:
        (status, body), cloud = by_method(method, payload)
        lines, desk = by_verb(line)
        assert cloud == desk, (line, cloud, desk)
        if status >= 400:
            assert lines == ["err %d %s" % (status, body["error"])], (line, lines, body)
        else:
            assert lines[-1] == "ok", (line, lines)
            if line[:5] == "call ":
                shown = body if isinstance(body, str) else json.dumps(body)
                assert lines[:-1] == ["status: %d" % status, "payload: " + shown], (line, lines)


def test_the_table_knows_every_method_of_the_application():
    assert set(app.methods) | {"nothing"} == set([method for _, method, _ in SAME])


def test_the_late_answer_of_one_call_is_not_that_of_the_next():
    app = App()

    @app.method("wait")
    def wait(board, payload):
        yield payload
        yield "after %d s" % payload

    session = Session(app=app)
    device = session.driver.device
    session.type("call wait 30", now=0)
    device.step(DEADLINE_MS)
    assert session.listen(DEADLINE_MS)[-1].startswith("err 504")
    session.type("call wait 10", now=26000)
    device.step(26000)
    for now in range(26000, 40000, 500):
        device.step(now)
    assert session.listen(40000) == ["status: 200", "payload: after 10 s", "ok"]
