"""Provisioning: register, wait, poll, be assigned; and again when the hub is gone for good."""

import json

from driver import EPOCH, KEY

from twinkle import App
from twinkle.core.connection_string import parse
from twinkle.core.device import Device
from twinkle.core.provision import PROVISION_AGAIN, Onboarding, Provisioner
from twinkle.core.telemetry import Telemetry

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
        self.provisioner = Provisioner(parse(TEXT), "dtmi:com:example:Thermostat;1", lambda: 0.5)
        self.provisioner.on_time(EPOCH, 0)
        self.now = 0
        self.done = []

    def step(self, ms=0):
        self.now += ms
        self.done = self.provisioner.step(self.now)
        return self.done

    def connect(self):
        self.step()
        self.provisioner.on_connected(self.now)
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


class FakeDevice:
    """The Device's turn, as far as Onboarding sees it."""

    def __init__(self, identity):
        self.identity = identity
        provisioner = Provisioner(identity, None, lambda: 0.0)
        self.link, self.clock, self.on_time = provisioner.link, provisioner.clock, provisioner.on_time
        self.telemetry = Telemetry(identity.device_id, self.clock, None)
        self.backlog = None

    def step(self, now):
        return []


def test_once_assigned_the_device_takes_over_with_the_same_key_and_remembers():
    made = []

    def make(identity, now):
        made.append(FakeDevice(identity))
        return made[-1]

    who = parse(TEXT + ";GatewayHostName=10.0.0.9;Port=9883")
    device = Onboarding(who, None, make, None, lambda: 0.5)
    device.on_time(EPOCH, 0)
    device.step(0)
    device.on_connected(0)
    device.step(0)
    device.on_message("$dps/registrations/res/200/?$rid=1", json.dumps(ASSIGNED).encode(), 0)
    actions = device.step(0)
    record = {"hub": "contoso.azure-devices.net", "deviceId": "dev7"}
    assert ("store", "assigned", record) in actions
    assert (device.identity.host, device.identity.device_id) == ("contoso.azure-devices.net", "dev7")
    assert (device.identity.dial, device.identity.port) == ("10.0.0.9", 9883)
    assert device.clock.utc(0) == EPOCH
    # After a restart the record is enough.
    again = Onboarding(who, record, make, None, lambda: 0.5)
    assert again.identity.device_id == "dev7" and len(made) == 2


def unreachable(device, times):
    """The hub, or the service, is not reached."""
    for _ in range(times):
        device.link.fire("due", 0)
        device.link.fire("lost", 0)
        device.step(0)


def assigned_before():
    record = {"hub": "contoso.azure-devices.net", "deviceId": "dev7"}
    device = Onboarding(parse(TEXT), record, lambda identity, now: FakeDevice(identity), None, lambda: 0.5)
    device.on_time(EPOCH, 0)
    device.telemetry.add({"n": 1}, None, 0)
    return device


def test_a_hub_that_fails_for_long_is_asked_for_again_once_in_a_while():
    device = assigned_before()
    for _ in range(2):
        unreachable(device, PROVISION_AGAIN - 1)
        assert device.identity.device_id == "dev7"
        unreachable(device, 1)
        assert device.identity.device_id == "MyDevice01"
        # The service cannot be reached either: the device goes on, with what waits.
        unreachable(device, 1)
        assert device.identity.device_id == "dev7" and len(device.telemetry) == 1


def test_what_waits_is_kept_whatever_the_service_answers():
    for hub in ("contoso.azure-devices.net", "fabrikam.azure-devices.net"):
        device = assigned_before()
        unreachable(device, PROVISION_AGAIN)
        device.step(0)
        device.on_connected(0)
        device.step(0)
        assigned = {"status": "assigned", "registrationState": {"assignedHub": hub, "deviceId": "dev7"}}
        device.on_message("$dps/registrations/res/200/?$rid=1", json.dumps(assigned).encode(), 0)
        device.step(0)
        assert device.identity.host == hub and len(device.telemetry) == 1


def test_the_device_asks_for_nothing_in_the_step_in_which_it_is_provisioned_again():
    app = App()
    app.telemetry(lambda board: None)
    record = {"hub": "contoso.azure-devices.net", "deviceId": "d"}
    make = lambda who, now: Device(app, who, {}, lambda: 0.5, now=now)  # noqa: E731
    device = Onboarding(parse(TEXT), record, make, None, lambda: 0.5)
    device.on_time(EPOCH, 0)
    for _ in range(PROVISION_AGAIN):
        device.link.fire("due", 0)
        device.link.fire("lost", 0)
    # The first sample is due, but the provisioner could not take its answer.
    assert [action[0] for action in device.step(0)] == ["say"]
    assert device.identity.device_id == "MyDevice01"


def test_a_program_that_ends_while_it_is_provisioned_again_keeps_what_waits():
    record = {"hub": "contoso.azure-devices.net", "deviceId": "dev7"}
    make = lambda who, now: Device(App(), who, {}, lambda: 0.5, now=now, waiting={"disk": 1000})  # noqa: E731
    device = Onboarding(parse(TEXT), record, make, None, lambda: 0.5)
    device.on_time(EPOCH, 0)
    device.telemetry.add({"n": 1}, None, 0)
    unreachable(device, PROVISION_AGAIN)
    assert device.identity.device_id == "MyDevice01"
    ((_, name, kept),) = device.keep()
    assert (name, kept) == ("telemetry", {"messages": [(None, EPOCH, {"n": 1})]})
    device.on_stored(name, None)


def test_what_is_on_disk_too_moves_to_another_hub_once():
    kept = {"messages": [[None, EPOCH, {"n": 1}]]}
    make = lambda who, now: Device(  # noqa: E731
        App(), who, {"telemetry": kept}, lambda: 0.5, now=now, waiting={"disk": 1000}
    )
    record = {"hub": "contoso.azure-devices.net", "deviceId": "dev7"}
    device = Onboarding(parse(TEXT), record, make, None, lambda: 0.5)
    device.on_time(EPOCH, 0)
    unreachable(device, PROVISION_AGAIN)
    device.step(0)
    device.on_connected(0)
    device.step(0)
    state = {"assignedHub": "fabrikam.azure-devices.net", "deviceId": "dev7"}
    assigned = {"status": "assigned", "registrationState": state}
    device.on_message("$dps/registrations/res/200/?$rid=1", json.dumps(assigned).encode(), 0)
    device.step(0)
    assert device.identity.host == state["assignedHub"] and len(device.telemetry) == 1


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
