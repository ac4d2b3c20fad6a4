"""A hub that misbehaves by rules: what the rules are, and that devices bear each of them."""

import json

import pytest
from support import ROOT, TWINKLE

from twinkle_host.hub.faults.rules import FAULTS, OF_THE_LINE, FaultError, Faults, load
from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.waiting import PATIENCE_S


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def faults(*rules, clock=None):
    return Faults({"seed": 1, "rules": list(rules)}, clock or Clock())


def test_a_rule_is_for_its_devices_its_time_and_so_many_times():
    clock = Clock()
    rule = {"fault": "late", "device": "shed-*", "from": 10, "until": 20, "times": 2, "seconds": 5}
    these = faults(rule, clock=clock)
    assert these.value("late", "shed-1") is None
    clock.now = 12.0
    assert these.value("late", "barn") is None and these.value("lose", "shed-1") is None
    assert [these.value("late", "shed-1") for _ in range(3)] == [5, 5, None]
    assert these.done == {"late": 2}


def test_a_share_is_about_that_many_and_the_same_for_the_same_seed():
    these, those = (faults({"fault": "lose", "share": 0.3}) for _ in range(2))
    drawn = [bool(these.value("lose", "d")) for _ in range(1000)]
    assert 250 < sum(drawn) < 350 and drawn == [bool(those.value("lose", "d")) for _ in range(1000)]


def test_what_becomes_of_a_message():
    topic, body = "$iothub/twin/res/200/?$rid=4", b'{"desired":{"$version":1},"reported":{}}'
    assert faults().deliver("d", topic, body) == [(0.0, topic, body)]
    assert faults({"fault": "lose"}).deliver("d", topic, body) == []
    assert len(faults({"fault": "double"}).deliver("d", topic, body)) == 2
    assert faults({"fault": "late"}).deliver("d", topic, body)[0][0] == 2.0
    ((_, answered, told),) = faults({"fault": "status", "status": 503}).deliver("d", topic, body)
    assert answered == "$iothub/twin/res/503/?$rid=4" and json.loads(told)["errorCode"] == 503000
    assert faults({"fault": "rid"}).deliver("d", topic, body)[0][1].endswith("rid=nobodys")
    assert len(faults({"fault": "fill", "bytes": 500}).deliver("d", topic, body)[0][2]) > 500
    # Only a twin's answers have a status.
    assert faults({"fault": "status"}).deliver("d", "$iothub/methods/POST/a/?$rid=1", b"") != []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"rules": {}}', "must be a JSON object"),
        ('{"rules": [{}]}', "rule 1 must name a fault: one of refuse"),
        ('{"rules": [{"fault": "lose"}, {"fault": "nap"}]}', "rule 2 must name a fault"),
        ('{"rules": [{"fault": "late", "bytes": 3}]}', "rule 1 (late) has no member 'bytes'"),
        ('{"rules": [{"fault": "late", "seconds": "3"}]}', "'seconds' has a value of the wrong kind"),
        ('{"rules": [{"fault": "lose", "times": true}]}', "'times' has a value of the wrong kind"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_with_their_number(text, words):
    with pytest.raises(FaultError) as refused:
        load(text, Clock())
    assert words in str(refused.value)


def test_the_command_says_what_is_wrong_with_the_file(tmp_path):
    import subprocess

    file = tmp_path / "faults.json"
    file.write_text('{"rules": [{"fault": "nap"}]}')
    done = subprocess.run(
        [TWINKLE, "hub", "--state", tmp_path / "hub", "--port", "0", "--rest-port", "0", "--faults", file],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "rule 1 must name a fault" in done.stderr


# What each fault is given here, and a word of the log that shows that the device met it.
MET = {
    "refuse": ({"code": 3, "times": 2}, "CONNACK 3"),
    "kill": ({"bytes": 40, "times": 2}, "link lost"),
    "stall": ({"seconds": 2.5, "times": 1}, " ready"),
    "swallow": ({"times": 1}, "did not answer in time"),
    "lose": ({"times": 1}, "asking again"),
    "double": ({"share": 0.7}, " ready"),
    "late": ({"share": 0.5, "seconds": 1.5}, " ready"),
    "reorder": ({"share": 0.5, "seconds": 1.5}, " ready"),
    "status": ({"times": 2}, "answered 429"),
    "rid": ({"times": 1}, " ready"),
    "fill": ({"bytes": 200_000, "times": 1}, "cannot be used"),
}


def test_a_device_bears_each_of_them(tmp_path):
    """All at once, a device for each: real processes over TLS."""
    assert {*MET, "http", *OF_THE_LINE} == set(FAULTS)
    devices = {}
    with LiveHub(tmp_path / "hub") as hub:
        done = hub.misbehave(
            *({"fault": fault, "device": fault, **how} for fault, (how, _) in MET.items())
        ).done
        with open(hub.info["caFile"], "rb") as file:
            ca = file.read()
        try:
            for fault in MET:
                text = f"{hub.add(fault)};Port={hub.info['mqttPort']}"
                board = {"app": "twin_apps.counter"}
                apps = [ROOT / "tests" / "device"]
                devices[fault] = DeviceProcess(
                    "cpython", tmp_path / fault, text, ca, board, apps=apps
                ).start()
            for fault in MET:
                devices[fault].wait_for(" ready")
                hub.call(
                    "patch_twin", fault, {"properties": {"desired": {"configId": 5, "sendFrequency": "1s"}}}
                )
            for fault in MET:
                hub.until_reported(fault, configId=5, status="Success")
            # What has a share has not met everybody by now: the service goes on until it has.
            number = 5
            while unmet := [fault for fault in MET if not done[fault]]:
                number += 1
                for fault in unmet:
                    hub.call("patch_twin", fault, {"properties": {"desired": {"configId": number}}})
                    hub.until_reported(fault, configId=number, status="Success")
            for fault, (_, words) in MET.items():
                devices[fault].must_say(words)
        finally:
            for device in devices.values():
                device.stop()
        for fault in MET:
            log = "\n".join(devices[fault].log)
            assert log.count("applied configuration 5") == 1, f"{fault}:\n{log}"


LINES = {
    "delay": ({"seconds": 0.05}, " ready"),
    "dribble": ({"times": 2000}, " ready"),
    "half-open": ({"seconds": 1, "times": 3}, " ready"),
    "cut": ({"bytes": 1500, "times": 2}, "link lost"),
    "hang-up": ({"times": 2}, "link lost"),
}


@pytest.mark.parametrize("fault", OF_THE_LINE)
def test_a_device_bears_a_bad_line(tmp_path, fault):
    members, words = LINES[fault]
    rules = json.dumps({"seed": 1, "rules": [{"fault": fault, **members}]})
    with LiveHub(tmp_path / "hub", faults=rules) as hub:
        text = f"{hub.add(fault)};Port={hub.info['mqttPort']}"
        with open(hub.info["caFile"], "rb") as file:
            ca = file.read()
        with DeviceProcess("cpython", tmp_path / "device", text, ca) as device:
            device.wait_for(words)
            desired = {"properties": {"desired": {"configId": 5, "sendFrequency": "1s"}}}
            hub.call("patch_twin", fault, desired)
            hub.until_reported(fault, configId=5, status="Success")
        assert hub.server._endpoint.faults.done[fault] >= 1


def test_the_line_cannot_become_bad_later_or_for_one_device(tmp_path):
    with pytest.raises(FaultError, match="no member 'device'"):
        load('{"rules": [{"fault": "cut", "device": "shed"}]}', Clock())
    with LiveHub(tmp_path / "hub") as hub, pytest.raises(FaultError, match="when the hub starts"):
        hub.misbehave({"fault": "cut"})
