"""Provisioning: register, wait, poll, be assigned. What comes of it is told in test_assignment.py."""

import json
import sys

from driver import EPOCH, KEY

from twinkle.core import actions
from twinkle.core.connection_string import parse
from twinkle.core.errors import SetupError
from twinkle.core.provisioning import Provisioner

TEXT = "IdScope=0ne00000000;RegistrationId=MyDevice01;SharedAccessKey=" + KEY
ASSIGNED = {
    "operationId": "op1",
    "status": "assigned",
    "registrationState": {
        "assignedHub": "contoso.azure-devices.net",
        "deviceId": "dev7",
        "status": "assigned",
    },
}


class Service:
    """A provisioner and the service's voice."""

    def __init__(self):
        self.provisioner = Provisioner(parse(TEXT), "dtmi:com:example:Thermostat;1", lambda: 0.5, 0)
        self.provisioner.on_time(EPOCH, 0)
        self.now = 0
        self.done = []

    def step(self, ms=0):
        self.now += ms
        self.done = self.provisioner.step(self.now)
        return self.done

    def connect(self):
        self.step()
        self.provisioner.on_done(actions.connect("", 0), None, self.now)
        return self.step()

    def answer(self, status, body, more=""):
        rid = self.done[-1][1].split("$rid=")[1].split("&")[0]
        topic = "$dps/registrations/res/%d/?$rid=%s%s" % (status, rid, more)
        self.provisioner.on_message(topic, json.dumps(body).encode(), self.now)


def test_the_token_equals_the_published_vector():
    who = parse(TEXT)
    assert who.password(1700000000) == (
        "SharedAccessSignature sr=0ne00000000%2Fregistrations%2FMyDevice01"
        "&sig=Ut%2B%2BsBDB7XEZk58M3VSyo56OMz3wAkg7iOGFQB40Q58%3D&se=1700000000&skn=registration"
    )
    assert who.username() == "0ne00000000/registrations/MyDevice01/api-version=2019-03-31"
    assert (who.dial, who.port) == ("global.azure-devices-provisioning.net", 8883)


def test_a_board_without_what_asks_for_a_hub_says_so_and_knows_its_own_all_the_same():
    module = sys.modules.pop("twinkle.core.provisioning")
    sys.modules["twinkle.core.provisioning"] = None  # as good as not there
    try:
        assert parse("HostName=h.example;DeviceId=d;SharedAccessKey=" + KEY).assigned
        parse(TEXT)
        raise AssertionError("it was taken")
    except SetupError as error:
        assert error.remedy == "flash it again"
    finally:
        sys.modules["twinkle.core.provisioning"] = module


def test_it_registers_with_its_model():
    s = Service()
    (action,) = s.connect()
    assert action[1] == "$dps/registrations/PUT/iotdps-register/?$rid=1"
    payload = {"modelId": "dtmi:com:example:Thermostat;1"}
    assert json.loads(action[2]) == {"registrationId": "MyDevice01", "payload": payload}


def test_it_polls_after_the_time_it_was_told():
    s = Service()
    s.connect()
    s.answer(202, {"operationId": "op1", "status": "assigning"}, "&retry-after=3")
    assert s.step(2900) == []
    (action,) = s.step(100)
    assert action[1] == "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=op1"
    s.answer(200, ASSIGNED)
    assert s.provisioner.assigned == ("contoso.azure-devices.net", "dev7")


def test_a_throttled_step_is_repeated():
    s = Service()
    s.connect()
    s.answer(429, {"errorCode": 429001}, "&retry-after=5")
    (action,) = s.step(5000)
    assert "iotdps-register" in action[1]


def test_an_immediate_assignment_is_taken():
    s = Service()
    s.connect()
    s.answer(200, ASSIGNED)
    assert s.provisioner.assigned[1] == "dev7"


def test_a_refusal_says_what_to_check_and_waits_long():
    for status, body in (
        (401, {"message": "Unauthorized"}),
        (200, {"status": "failed"}),
        (200, {"status": "disabled"}),
    ):
        s = Service()
        s.connect()
        s.answer(status, body)
        actions = s.step()
        assert actions[0] == ("disconnect",)
        assert "check id scope, registration id and key" in actions[1][2]
        assert s.provisioner.due(s.now) - s.now == 100000


def test_a_stray_answer_is_ignored():
    s = Service()
    s.connect()
    s.provisioner.on_message("$dps/registrations/res/200/?$rid=99", json.dumps(ASSIGNED).encode(), 0)
    s.provisioner.on_message("$iothub/methods/POST/x/?$rid=1", b"{}", 0)
    assert s.provisioner.assigned is None


def test_a_service_that_never_answers_is_left():
    s = Service()
    s.connect()
    s.step(60000)
    assert "did not finish in time" in s.done[1][2]


def test_an_assignment_to_no_hub_is_refused_and_asked_for_again_later():
    for state in (
        None,
        [],
        "x",
        {},
        {"assignedHub": 5, "deviceId": "d"},
        {"assignedHub": "a..b", "deviceId": "d"},
    ):
        s = Service()
        s.connect()
        s.answer(200, {"status": "assigned", "registrationState": state})
        assert s.provisioner.assigned is None
        assert ("disconnect",) in s.step()
        assert s.provisioner.link.state == "offline"


def test_an_answer_that_is_none_is_asked_for_again():
    for body in ([], "x", {"operationId": 5}, {"operationId": {}}, {"operationId": "x" * 300}):
        s = Service()
        s.connect()
        s.answer(202, body, "&retry-after=\xb2")
        (action,) = s.step(2000)
        assert "iotdps-register" in action[1]
    s = Service()
    s.connect()
    s.provisioner.on_message("$dps/registrations/res/200/?$rid=%ff", b"{}", 0)
    assert s.step() == []
