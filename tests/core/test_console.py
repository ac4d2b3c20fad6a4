"""The technician's console: a verb a line, and every answer ends in ok or err."""

import gc
import json

from driver import KEY, Session

from twinkle import App
from twinkle.core.connection_string import parse
from twinkle.core.errors import HardwareError
from twinkle.core.provisioning import Onboarding


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


def test_help_names_every_verb_and_each_is_there():
    lines = Session(app=application()).type("help")
    assert lines[-1] == "ok"
    verbs = [line.split(" ")[1] for line in lines[:-1]]
    assert "status" in verbs and "call" in verbs and "factory-reset" in verbs
    for verb in verbs:
        session = Session(app=application(), test={name: "ok" for name in ("sensor", "LED", "flash")})
        answer = session.type(verb)
        assert answer[-1] == "ok" or answer[-1].startswith("err 4"), (verb, answer)
        assert not answer[-1].startswith("err 404"), verb


def test_status_tells_the_link_and_the_configuration_and_no_secret():
    lines = Session(app=application()).type("status")
    assert "link: ready" in lines and "configId: 1" in lines and lines[-1] == "ok"
    assert "hub: contoso.azure-devices.net" in lines and "network: ok" in lines and "uptime: 60" in lines
    assert not any([KEY in line for line in lines])


def test_status_works_without_a_connection_and_tells_the_next_try():
    session = Session(app=application())
    session.driver.lost("the line was cut")
    session.driver.device.context.say("error", "the sensor is gone")
    lines = session.type("status", now=session.driver.now)
    assert "link: offline" in lines and "reason: the line was cut" in lines and "nextTry: 0" in lines
    assert "lastError: the sensor is gone" in lines


def test_json_is_one_line():
    (line,) = Session(app=application()).type("status --json")
    answer = json.loads(line)
    assert answer["ok"] is True and answer["result"]["link"] == "ready"
    (line,) = Session(app=application()).type("led sideways --json")
    answer = json.loads(line)
    assert answer["ok"] is False and answer["code"] == 400


def test_a_value_that_is_no_json_is_named_and_the_others_are_shown():
    read = [("temperature", float("nan")), ("humidity", {40}), ("name", b"K"), ("ownTemperature", 20)]
    session = Session(app=application(), read=read)
    lines = [
        "temperature: value is not finite",
        "humidity: value is of type set",
        "name: value is of type bytes",
        "ownTemperature: 20",
    ]
    assert session.type("read") == lines + ["ok"]
    (line,) = session.type("read --json")
    result = json.loads(line)["result"]
    assert sorted(["%s: %s" % pair for pair in result.items()]) == sorted(lines)


def test_the_led_obeys_and_refuses_what_it_cannot():
    session = Session(app=application())
    hint = "err 400 it is led on | off | blink SECONDS | brightness 0..1"
    assert session.type("led on") == ["level: 1.0", "ok"]
    assert session.type("led brightness 0.5") == ["level: 0.5", "ok"]
    assert session.type("led off") == ["level: 0.0", "ok"]
    assert session.type("led blink 2") == ["level: 0.5", "ok"]
    assert session.type("led blink") == [hint]
    assert session.type("led blink 9999")[0].startswith("err 400 the blink interval must be")
    for wrong in ("5", "-1", "nan", "", "bright"):
        assert session.type("led brightness " + wrong) == [hint]
    for wrong in ("led", "led on | off", "led off now"):
        assert session.type(wrong) == [hint]
    assert session.driver.device.board.led.level == 0.5


def test_a_method_gives_here_what_it_gives_the_cloud():
    for payload in ('{"a": 2, "b": 3}', '{"a": 2}', "null", "{", ""):
        session = Session(app=application())
        status, body = session.driver.call("add", payload)
        lines = session.type("call add " + payload)
        if status < 400:
            assert lines == ["status: %d" % status, "payload: " + json.dumps(body), "ok"]
        else:
            assert lines == ["err %d %s" % (status, body["error"])], (lines, body)


def test_a_method_that_takes_its_time_answers_when_it_is_done_and_survives_a_lost_link():
    session = Session(app=application())
    d = session.driver
    assert session.type("call slow", "version", now=d.now) == []
    d.step()
    d.lost("the line was cut")
    d.now += 5000
    d.step()
    lines = session.listen(d.now)
    assert lines[:3] == ["status: 200", "payload: done", "ok"]
    assert lines[3].startswith("twinkle: ") and lines[-1] == "ok"  # in the order in which they were typed


def test_a_method_that_is_not_there_is_404():
    session = Session(app=application())
    assert session.type("call nothing")[0].startswith("err 404 no method nothing")
    assert session.type("call") == ["err 400 call needs a method's name; type methods"]
    assert session.type("methods") == ["- add", "- slow", "ok"]


def test_read_shows_what_the_rim_has_read():
    session = Session(app=application(), read=[("temperature", 21.5), ("humidity", 40)])
    assert session.type("read") == ["temperature: 21.5", "humidity: 40", "ok"]
    session = Session(app=application(), read=HardwareError("the sensor did not answer", "check its wiring"))
    assert session.type("read") == ["err 500 the sensor did not answer: check its wiring"]


def test_wifi_is_scanned_and_changed_and_the_password_is_not_repeated():
    session = Session(app=application(), scan=[" -55 dBm  home"])
    assert session.type("wifi scan") == ["-  -55 dBm  home", "ok"]
    assert session.type('wifi set "my home" "a secret"', "wifi set café --open") == ["ok", "ok"]
    assert session.asked[1:] == [("join", "my home", "a secret"), ("join", "café", "")]
    for wrong in ("wifi", "wifi set", "wifi on", 'wifi set "half', "wifi set a b c"):
        (line,) = session.type(wrong)
        assert line.startswith("err 400") and "secret" not in line


def test_a_network_that_cannot_be_is_not_joined_and_an_open_one_is_called_so():
    session = Session(app=application())
    for good in ("12345678", "x" * 63, "0123456789abcdefABCDEF" + "0" * 42):
        assert session.type("wifi set %s %s" % ("n" * 32, good)) == ["ok"]
    asked = len(session.asked)
    for wrong in (
        "home",
        'home ""',
        "home secret7",
        "home " + "x" * 64,
        "home " + "0" * 65,
        '"" "a secret"',
        "n" * 33 + " 12345678",
        "ü" * 17 + " 12345678",
        "home " + "ü" * 32,
    ):
        (line,) = session.type("wifi set " + wrong)
        assert line.startswith("err 400 wifi takes scan, or set") and "secret" not in line, line
        assert "1 to 32 bytes" in line and "8 to 63" in line and "64 hex digits" in line and "--open" in line
    assert len(session.asked) == asked, "nothing of that was tried"


def test_a_self_test_tries_part_after_part_and_names_what_failed():
    tried = {"sensor": "ok 21.5 °C", "LED": "ok", "flash": "fail flash: it is full"}
    session = Session(app=application(), test=tried)
    assert session.type("selftest") == [
        "sensor: ok 21.5 °C",
        "LED: ok",
        "flash: fail flash: it is full",
        "network: ok",
        "DNS: ok",
        "TLS: ok",
        "hub: ok",
        "err 500 failed: flash",
    ]
    assert [what[1] for what in session.asked] == ["sensor", "LED", "flash"]
    session = Session(app=application(), test=dict(tried, flash="ok"))
    answer = json.loads(session.type("selftest --json")[0])
    assert answer["ok"] and answer["result"]["sensor"] == "ok 21.5 °C"


def test_a_self_test_without_a_connection_tries_the_way_to_the_hub():
    found = {
        "sensor": "ok",
        "LED": "ok",
        "flash": "ok",
        "network": "ok",
        "DNS": "ok",
        "TLS": "fail no answer",
    }
    session = Session(app=application(), test=found)
    session.driver.lost("the line was cut")
    lines = session.type("selftest")
    assert lines[5:] == ["TLS: fail no answer", "hub: fail the line was cut", "err 500 failed: TLS, hub"]


def test_a_reboot_asked_for_twice_is_409():
    session = Session(app=application())
    assert session.type("reboot") == ["ok"]
    assert session.type("reboot")[0].startswith("err 409")


def test_hold_restarts_after_its_answer_unless_the_board_cannot():
    session = Session(app=application())
    assert session.type("hold") == ["ok"] and session.resets == ["asked for on the console"]
    session = Session(
        app=application(), hold=HardwareError("this board has no prompt to stop at", "stop the program")
    )
    assert session.type("hold")[0].startswith("err 500 this board has no prompt") and session.resets == []


def test_a_factory_reset_asks_first():
    session = Session(app=application())
    (line,) = session.type("factory-reset")
    assert line.startswith("err 428") and line.endswith(
        "type: factory-reset " + session.driver.device.identity.device_id
    )
    assert session.type("factory-reset yes")[0].startswith("err 428") and session.asked == []
    assert session.type(line.split("type: ")[1]) == ["ok"]
    assert session.asked == [("forget",)] and len(session.resets) == 1


def test_what_is_no_verb_is_refused_and_nothing_is_no_line():
    session = Session(app=application())
    for line in (
        "nonsense",
        "__init__",
        "_do_led",
        "STATUS",
        "?",
        "status\x00",
        "call\x1b[2J",
        "factory_reset",
        "-",
    ):
        lines = session.type(line)
        assert len(lines) == 1 and lines[0].startswith("err 404 there is no such verb"), (line, lines)
    assert session.type("", "   ") == []
    assert session.type("x" * 1000) == ["err 413 the line is longer than 512 bytes"]
    assert session.type("\u65e5" * 200)[0].startswith("err 413")


def test_a_line_that_is_no_text_does_nothing():
    session = Session(app=application())
    for line in (
        'wifi set "K\ufffdche" 12345678',
        "wifi set home secret\ufffd\ufffd",
        "\ufffd",
        "led on\ufffd",
    ):
        assert session.type(line) == ["err 400 the line is not UTF-8, or has a control character"]
    (line,) = session.type("wifi set K\ufffd secret123 --json")
    assert json.loads(line)["code"] == 400
    assert session.asked == [] and session.driver.device.board.led.level == 0
    assert session.type('wifi set "K\u00fcche" "Schl\u00fcssel"') == ["ok"]
    assert session.asked == [("join", "K\u00fcche", "Schl\u00fcssel")]


def test_lines_that_come_faster_than_they_are_answered_are_refused():
    session = Session(app=application())
    for _ in range(20):
        session.console.on_line("version")
    lines = session.listen()
    assert len([line for line in lines if line.startswith("err 429")]) == 12
    assert lines.count("ok") == 8


def test_a_device_that_is_being_provisioned_has_a_console_too():
    who = parse("IdScope=0ne1;RegistrationId=shed-7;SharedAccessKey=" + KEY)
    device = Onboarding(who, None, None, None, lambda: 0.5, 0)
    session = Session(device)
    lines = session.type("status")
    assert "device: shed-7" in lines and "link: offline" in lines and lines[-1] == "ok"
    assert session.type("led on")[0].startswith("err 503 the device is being provisioned (starting)")
    assert session.type("reboot") == ["ok"] and len(session.resets) == 1


def test_what_is_no_verb_is_not_remembered():
    session = Session(app=application())

    def memory_after(numbers):
        for number in numbers:
            session.type("verb-%d-%s" % (number, "x" * 100))
        gc.collect()
        # On CPython there is nothing to be interned.
        return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0

    before = memory_after(range(20))
    assert memory_after(range(20, 200)) - before < 2000
