"""The technician's console: a verb a line, and every answer ends in ok or err."""

import json

from driver import KEY, Driver

from twinkle import App


def application():
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.method("add")
    def add(board, payload):
        return payload["a"] + payload["b"]

    @app.method("slow")
    def slow(board, payload):
        yield 5
        return "done"

    return app


def ready():
    d = Driver(application(), keep_alive=100000)
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    return d


def ask(d, line):
    """The lines that were printed for ``line``, at once."""
    d.device.on_line(line, d.now)
    return [action[1] for action in d.step() if action[0] == "print"]


def test_help_names_every_verb_and_each_is_there():
    d = ready()
    lines = ask(d, "help")
    assert lines[-1] == "ok"
    verbs = [line.split(" ")[0] for line in lines[:-1]]
    assert "status" in verbs and "call" in verbs
    for verb in verbs:
        assert not any(["no such verb" in line for line in ask(ready(), verb)]), verb


def test_status_tells_the_link_and_the_configuration_and_no_secret():
    lines = ask(ready(), "status")
    assert "link: ready" in lines and "configId: 1" in lines and lines[-1] == "ok"
    assert "hub: contoso.azure-devices.net" in lines and "clock: 2023-11-14T22:13:20Z" in lines
    assert not any([KEY in line for line in lines])


def test_status_works_without_a_connection_and_tells_the_next_try():
    d = ready()
    d.device.on_lost("the line was cut", d.now)
    lines = ask(d, "status")
    assert "link: offline" in lines and "reason: the line was cut" in lines and "nextTry: 0" in lines


def test_json_is_one_line():
    (line,) = ask(ready(), "status --json")
    answer = json.loads(line)
    assert answer["ok"] is True and answer["result"]["link"] == "ready"
    (line,) = ask(ready(), "led sideways --json")
    answer = json.loads(line)
    assert answer["ok"] is False and answer["code"] == 400


def test_the_led_obeys_and_refuses_what_it_cannot():
    d = ready()
    assert ask(d, "led on") == ["level: 1.0", "ok"]
    assert ask(d, "led brightness 0.5") == ["level: 0.5", "ok"]
    assert ask(d, "led off") == ["level: 0.0", "ok"]
    assert ask(d, "led blink 2") == ["level: 0.5", "ok"]
    assert ask(d, "led blink") == ["err 400 led blink needs seconds, such as led blink 2"]
    assert ask(d, "led blink 9999")[0].startswith("err 400 the blink interval must be")
    assert ask(d, "led") == ["err 400 led takes on, off, blink SECONDS or brightness 0..1"]


def test_a_method_gives_here_what_it_gives_the_cloud():
    for payload in ('{"a": 2, "b": 3}', '{"a": 2}', "null", "{", ""):
        d = ready()
        status, body = d.call("add", payload)
        lines = ask(d, "call add " + payload)
        if status < 400:
            assert lines == ["status: %d" % status, "payload: " + json.dumps(body), "ok"]
        else:
            assert lines == ["err %d %s" % (status, body["error"])], (lines, body)


def test_a_method_that_takes_its_time_answers_when_it_is_done_and_survives_a_lost_link():
    d = ready()
    assert ask(d, "call slow") == []
    d.device.on_lost("the line was cut", d.now)
    d.now += 5000
    printed = [action[1] for action in d.device.step(d.now) if action[0] == "print"]
    assert printed == ["status: 200", "payload: done", "ok"]


def test_a_method_that_is_not_there_is_404():
    assert ask(ready(), "call nothing")[0].startswith("err 404 no method nothing")
    assert ask(ready(), "call") == ["err 400 call needs a method's name; type methods"]
    assert ask(ready(), "methods") == ["add", "slow", "ok"]


def test_read_takes_one_sample_and_sends_nothing():
    d = ready()
    assert ask(d, "read") == []
    assert d.names().count("read") == 1
    d.device.on_reading({"temperature": 21.5, "humidity": 40})
    assert [a[1] for a in d.step() if a[0] == "print"] == ["humidity: 40", "temperature: 21.5", "ok"]
    ask(d, "read")
    d.device.on_reading_failed("the sensor did not answer", {})
    assert [a[1] for a in d.step() if a[0] == "print"] == ["err 500 the sensor did not answer"]
    assert d.published("messages/events") == [] and d.device.sensor.errors == 0


def test_a_reboot_asked_for_twice_is_409():
    d = ready()
    assert ask(d, "reboot") == ["ok"]
    assert ask(d, "reboot")[0].startswith("err 409")


def test_what_is_no_verb_is_refused_and_nothing_is_no_line():
    d = ready()
    for line in ("nonsense", "__init__", "_do_led", "STATUS", "?", "status\x00", "call\x1b[2J"):
        lines = ask(d, line)
        assert len(lines) == 1 and lines[0].startswith("err 404 there is no such verb"), (line, lines)
    assert ask(d, "") == [] and ask(d, "   ") == [] and ask(d, "--json") == []
    assert ask(d, "x" * 1000) == ["err 413 the line is longer than 512 characters"]
