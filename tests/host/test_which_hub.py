"""Which hub a verb is for, and whose certificates a device is given."""

import json
from pathlib import Path

import pytest
from support import own_address

from twinkle_host import failure, known_hubs
from twinkle_host.hub.live import LiveHub
from twinkle_host.provision.credentials import authorities, azure_authorities
from twinkle_host.service import finding
from twinkle_host.service.hub import VARIABLE


@pytest.fixture(autouse=True)
def computer(monkeypatch, tmp_path):
    """One on which no hub was ever started, and nobody waits."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(finding, "START_S", 0.05)


@pytest.fixture(scope="module")
def hubs(tmp_path_factory):
    """Two, at two addresses, both called localhost."""
    folder = tmp_path_factory.mktemp("hubs")
    with LiveHub(folder / "first") as first, LiveHub(folder / "second", bind=own_address()) as second:
        yield first, second


@pytest.fixture
def started(hubs):
    """They were started one after the other."""
    for hub in hubs:
        known_hubs.remember(hub.settings.state)
    return hubs


def address(hub):
    return hub.info["serviceConnectionString"].partition(";")[0].partition("=")[2]


def stopped(folder, port, **more):
    """The state that a hub left which was started last and has stopped."""
    folder.mkdir(parents=True)
    service = f"HostName=localhost:{port};SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA"
    info = {"host": "localhost", "serviceConnectionString": service, "eventHubConnectionString": ""}
    (folder / "ca.pem").write_bytes(azure_authorities())
    info |= {"provisioningConnectionString": service, "idScope": "0ne00000000"}
    info |= {"mqttPort": 8883, "amqpPort": 1, "caFile": str(folder / "ca.pem"), "routes": []} | more
    (folder / "hub.json").write_text(json.dumps(info))
    known_hubs.remember(folder)
    return folder


# --- of verbs


def test_one_that_runs_is_taken_though_the_one_started_last_has_stopped(hubs, tmp_path, capsys):
    known_hubs.remember(hubs[0].settings.state)
    stopped(tmp_path / "later", port=9)
    assert finding.find(None, None, None).address == address(hubs[0])
    assert capsys.readouterr().err == "", "there is nothing to choose"


def test_of_several_that_run_the_one_started_last_is_taken_which_is_said(started, capsys):
    first, second = started
    assert finding.find(None, None, None).address == address(second)
    said = capsys.readouterr().err
    assert said.startswith(
        f"twinkle: this is for {address(second)}, started last; {address(first)} runs too:"
    )
    assert "--state" in said and "--service" in said


def test_a_hub_that_is_named_is_taken_and_nothing_said(started, capsys, monkeypatch):
    first, second = started
    assert finding.find(None, str(first.settings.state), None).address == address(first)
    text = first.info["serviceConnectionString"]
    assert finding.find(text, None, None).ca_file == first.info["caFile"], "its own, not that of the last"
    monkeypatch.setenv(VARIABLE, text)
    assert finding.find(None, None, None).address == address(first)
    assert finding.find(None, str(second.settings.state), None).address == address(second), (
        "an option is nearer"
    )
    assert capsys.readouterr().err == ""


def test_where_none_runs_it_is_said_and_how_to_start_one(tmp_path):
    with pytest.raises(failure.Failure) as nothing:
        finding.find(None, None, None)
    assert nothing.value.exit_code == failure.NOT_FOUND
    assert "none is running here: start one (twinkle hub)" in nothing.value.message
    folder = stopped(tmp_path / "later", port=9)
    for state in (None, str(folder)):
        start = f"(twinkle hub --state {folder})"
        with pytest.raises(failure.Failure) as away:
            finding.find(None, state, None)
        assert away.value.exit_code == failure.UNREACHABLE
        assert "localhost:9 does not answer: start it" in away.value.message and start in away.value.message
    stopped(known_hubs.default_hub_state(), port=9)
    with pytest.raises(failure.Failure, match=r"\(twinkle hub\)"):
        finding.find(None, None, None)


# --- of devices


def test_a_device_trusts_the_hub_that_its_connection_string_names(started, tmp_path):
    stopped(tmp_path / "later", port=9)
    for hub in started:
        state = finding.local_hub(str(hub.settings.state))
        for text in (
            state.device_connection_string("d", "a2V5"),
            state.registration_connection_string(hub.info["idScope"], "r", "a2V5"),
        ):
            assert authorities(text, None) == Path(hub.info["caFile"]).read_bytes()


def test_a_hub_that_is_dialled_by_a_name_that_it_does_not_know_is_told_by_its_own(started):
    text = finding.local_hub(str(started[0].settings.state)).device_connection_string("d", "k", "192.168.1.5")
    assert authorities(text, None) == Path(started[0].info["caFile"]).read_bytes()


def test_a_device_of_azure_trusts_azures_authorities_whatever_runs_here(started):
    for text in (
        "HostName=contoso.azure-devices.net;DeviceId=d;SharedAccessKey=a2V5",
        "IdScope=0ne000000;RegistrationId=r;SharedAccessKey=a2V5",
    ):
        assert authorities(text, None) == azure_authorities()


def test_a_hub_that_nobody_knows_is_named(started):
    with pytest.raises(failure.Failure) as unknown:
        authorities("HostName=localhost;DeviceId=d;SharedAccessKey=a2V5;Port=9", None)
    assert unknown.value.exit_code == failure.NOT_FOUND and "--ca-file" in unknown.value.message


# --- what is known


def test_hubs_are_known_once_and_the_oldest_forgotten(tmp_path):
    assert known_hubs.known() == [known_hubs.default_hub_state()]
    for number in (*range(known_hubs.MOST), 3, known_hubs.MOST):
        known_hubs.remember(tmp_path / str(number))
    names = [int(state.name) for state in known_hubs.known()]
    assert names[:2] == [known_hubs.MOST, 3] and len(set(names)) == len(names) == known_hubs.MOST
    assert 0 not in names
    known_hubs.forget(tmp_path / "3")
    assert tmp_path / "3" not in known_hubs.known()


def test_a_list_that_is_being_written_is_read_when_it_is_whole(tmp_path, monkeypatch):
    file = known_hubs.known_hubs_file()
    known_hubs.remember(tmp_path / "hub")
    whole = file.read_text()
    file.write_text("")  # as it is for a moment, under a lock that a reader has when it is over
    monkeypatch.setattr(known_hubs.fcntl, "flock", lambda *_: file.write_text(whole))
    assert known_hubs.known() == [tmp_path / "hub"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"/nowhere\n", b"\x00\n"])
def test_a_list_that_is_damaged_is_as_good_as_none(content):
    file = known_hubs.known_hubs_file()
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(failure.Failure) as nothing:
        finding.find(None, None, None)
    assert nothing.value.exit_code == failure.NOT_FOUND
