"""Named sensors: when they are read, what handlers see of them, and what is said of one that fails."""

from driver import Session
from wired import ABSENT, PARTS, WARM, Bench

from twinkle import App


def measuring(period="10s"):
    app = App(config={"configId": 1, "sendFrequency": period})

    @app.telemetry
    def sample(board):
        attic, own = board.sensors["attic"], board.sensors["board"]
        return {
            "room": board.temperature,
            "attic": attic.temperature,
            "damp": attic.humidity,
            "own": own.temperature,
        }

    return app


def messages(d):
    """The bodies of what was made so far, which is acknowledged."""
    while d.device.telemetry.queue or d.device.telemetry.under_way:
        d.step(1)
        d.sent()
    return [action[2] for action in d.published("messages/events")]


def test_each_sensor_is_read_before_a_message_is_made_one_after_another():
    d = Bench(measuring(), {"sensors": PARTS["sensors"]})
    d.connect()
    d.wait(100)
    assert [action[2] for action in d.asked] == ["attic", "board"]
    (body,) = messages(d)
    for part in (b'"room": 20.0', b'"attic": 30.5', b'"damp": 20.0', b'"own": 5.0'):
        assert part in body, body
    d.wait(10000)
    assert len(messages(d)) == 2


def test_a_sensor_that_fails_is_tried_again_and_its_values_are_not_made_up():
    d = Bench(measuring("30s"), {"sensors": PARTS["sensors"]})
    d.samples["attic"] = [ABSENT, WARM]
    d.connect()
    d.acknowledge()
    d.wait(3000)
    assert b'"attic": 30.5' in messages(d)[0] and not any(["sensors" in patch for patch in d.reports()])
    d.samples["attic"] = [ABSENT]
    d.wait(36000)
    assert b'"attic": null' in messages(d)[1]
    told = d.reports()[-1]["sensors"]["attic"]
    assert told["status"] == "failing" and told["reason"] == "attic: no answer" and told["failures"] == 1
    d.acknowledge()
    d.samples["attic"] = [WARM]
    d.wait(30000)
    assert b'"attic": 30.5' in messages(d)[2]
    d.step()
    assert d.reports()[-1]["sensors"]["attic"]["status"] == "ok"
    assert d.said("the sensor attic answers again")


def test_a_sensor_is_tried_once_where_the_period_is_too_short_for_more():
    d = Bench(measuring("2s"), {"sensors": PARTS["sensors"]})
    d.samples["attic"] = [ABSENT]
    d.connect()
    d.wait(9000)
    assert len(messages(d)) == 5


def test_what_is_known_of_a_bad_sample_is_kept():
    d = Bench(measuring("2s"), {"sensors": PARTS["sensors"]})
    d.samples["attic"] = [{"temperature": 30.5, "humidity": None, "failed": "cannot measure 130.0 %"}]
    d.connect()
    d.wait(100)
    assert b'"attic": 30.5' in messages(d)[0] and b'"damp": null' in messages(d)[0]


def test_sensors_are_read_at_the_console_one_or_all():
    d = Bench(parts={"sensors": PARTS["sensors"]})
    session = Session(d.device)

    def ask(line):
        lines = session.type(line)
        for _ in range(3):
            d.step()
            lines += session.listen()
        return lines

    assert ask("sensors attic")[-1] == "ok"
    lines = ask("sensors")
    assert lines[0].startswith("attic: {") and "30.5" in lines[0] and lines[-1] == "ok"
    d.samples["attic"] = [ABSENT]
    lines = ask("sensors")
    assert lines[-1] == "err 500 failed: attic" and "no answer" in lines[0] and "5.0" in lines[1]
    assert ask("sensors cellar") == ["err 404 there is no cellar; there are: attic, board"]
