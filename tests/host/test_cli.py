"""The command twinkle as scripts and people meet it."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import TWINKLE

import twinkle_host
from twinkle_host import entry
from twinkle_host.hub.core.provisioning.tables import GROUP
from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("cli-hub")) as live:
        yield live


@pytest.fixture
def twinkle(hub, home):
    """Runs the command against the hub; answers the finished process."""

    def run(*arguments, on_hub=True, **environment):
        state = ["--state", str(hub.settings.state)] if on_hub else []
        return subprocess.run(
            [TWINKLE, *arguments, *state],
            env={**home, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


def one_line(done, status, *words):
    """The command failed with this status and one line that holds the words, after a note that it waited for a hub."""
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.strip().splitlines() if "waiting up to" not in line]
    assert len(lines) == 1, done.stderr
    if "--json" in done.args:
        lines = [json.loads(lines[0])["error"]]
    else:
        assert lines[0].startswith("twinkle: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]


# --- the hub in the foreground


def free(*flags):
    """Options that take any free port."""
    return [word for flag in flags for word in (flag, "0")]


def start_hub(home, *arguments, folder=None):
    return subprocess.Popen(
        [TWINKLE, "hub", *arguments, "--json", "--quiet"],
        env=home,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_hub_says_one_json_line_when_ready_and_ends_cleanly(home, tmp_path, number):
    process = start_hub(home, "--state", str(tmp_path / "hub"), *free("--port", "--rest-port", "--amqp-port"))
    info = json.loads(process.stdout.readline())
    assert {"host", "mqttPort", "restPort", "caFile", "serviceConnectionString"} <= set(info)
    assert Path(info["caFile"]).is_file()
    socket.create_connection(("127.0.0.1", info["mqttPort"]), PATIENCE_S).close()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_busy_port_is_one_line(home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start_hub(
            home, "--state", str(tmp_path / "hub"), *free("--rest-port", "--amqp-port"), "--port", port
        )
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and out == ""
    taken = f"port {port} on 127.0.0.1 is taken by another program; choose one with --port"
    assert json.loads(err) == {"error": taken, "status": 1}


def test_the_hub_started_last_is_found_without_being_named(home, tmp_path, twinkle):
    process = start_hub(home, "--state", str(tmp_path / "hub"), *free("--port", "--rest-port", "--amqp-port"))
    try:
        process.stdout.readline()
        assert twinkle("devices", "list", on_hub=False).stdout == "no devices\n"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    one_line(twinkle("devices", "list", on_hub=False), 5, "does not answer", "running")


def test_a_hub_whose_state_was_named_from_one_folder_is_found_from_another(home, tmp_path, twinkle):
    process = start_hub(
        home, "--state", "hub", *free("--port", "--rest-port", "--amqp-port"), folder=tmp_path
    )
    try:
        assert json.loads(process.stdout.readline())["caFile"] == str(tmp_path / "hub" / "ca" / "ca.pem")
        for named in ([], ["--state", str(tmp_path / "hub")]):
            listed = twinkle("devices", "list", *named, on_hub=False)
            assert listed.stdout == "no devices\n", listed
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


# --- service verbs


def test_a_device_is_added_listed_and_removed(hub, twinkle):
    made = json.loads(twinkle("devices", "add", "desk", "--json").stdout)
    assert made["deviceId"] == "desk"
    expected = hub.call("connection_string", "desk") + f";Port={hub.info['mqttPort']}"
    assert made["connectionString"] == expected
    assert twinkle("devices", "connection-string", "desk").stdout.strip() == expected
    assert "desk" in twinkle("devices", "list").stdout
    assert json.loads(twinkle("devices", "remove", "desk", "--json").stdout)["removed"] is True
    one_line(twinkle("devices", "remove", "desk"), 3, "DeviceNotFound", "desk")


def test_an_identity_without_credentials_has_no_connection_string(twinkle, hub):
    """Model AuthenticationMechanism of the REST API: 'none'."""
    hub.call("create_device", "bare", {"authentication": {"type": "none"}})
    done = twinkle("devices", "connection-string", "bare")
    assert done.returncode == 1 and "no credentials of its own" in done.stderr and done.stdout == ""


def test_a_gateway_goes_into_the_connection_string(twinkle):
    made = json.loads(twinkle("devices", "add", "bench", "--gateway", "192.168.1.5", "--json").stdout)
    assert ";GatewayHostName=192.168.1.5" in made["connectionString"]
    made = json.loads(twinkle("enrolments", "add", "b-2", "--gateway", "192.168.1.5", "--json").stdout)
    assert made["connectionString"].startswith("HostName=localhost;IdScope=")
    assert made["connectionString"].endswith(";GatewayHostName=192.168.1.5")
    refused = twinkle("enrolments", "add", "many", "--group", "--gateway", "192.168.1.5")
    assert refused.returncode == 2 and "a group has none" in refused.stderr, refused


def test_a_device_is_enrolled_and_provisioned(hub, twinkle, tmp_path):
    made = json.loads(twinkle("enrolments", "add", "shed-7", "--json").stdout)
    assert made["idScope"] == hub.info["idScope"]
    one_line(twinkle("enrolments", "add", "shed-7"), 4, "exists")
    assert "shed-7" in twinkle("enrolments", "list").stdout
    ca = Path(hub.info["caFile"]).read_bytes()
    with DeviceProcess("cpython", tmp_path / "device", made["connectionString"], ca) as device:
        device.wait_for("assigned to localhost as shed-7")
        device.wait_for(" ready")
    assert "removed shed-7" in twinkle("enrolments", "remove", "shed-7").stdout
    one_line(twinkle("enrolments", "remove", "shed-7"), 3, "no enrolment")


def test_enrolments_are_those_of_the_provisioning_services_own_interface(hub, twinkle):
    """Device Provisioning Service REST reference; the same verbs are for Azure's, by its own connection string."""
    made = json.loads(twinkle("enrolments", "add", "row-1", "--group", "--json").stdout)
    assert (
        made["primaryKey"]
        == hub.provision("enrolments.attestation", GROUP, "row-1")["symmetricKey"]["primaryKey"]
    )
    (listed,) = [
        row for row in json.loads(twinkle("enrolments", "list", "--json").stdout) if row["name"] == "row-1"
    ]
    assert listed["group"] and listed["enabled"] and listed["attestation"] == "symmetricKey"
    text = hub.info["provisioningConnectionString"]
    assert twinkle("enrolments", "remove", "row-1", "--service", text).returncode == 0
    elsewhere = "HostName=x.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA"
    one_line(twinkle("enrolments", "list", "--service", elsewhere), 2, "provisioningserviceowner")


def test_a_twin_is_patched_and_read(hub, twinkle):
    hub.add("twin-1")
    done = twinkle("twin", "patch", "twin-1", '{"configId": 3, "gone": null, "deep": {"x": null, "y": 1}}')
    assert done.returncode == 0, done.stderr
    twin = json.loads(twinkle("twin", "get", "twin-1", "--json").stdout)
    desired = {k: v for k, v in twin["properties"]["desired"].items() if not k.startswith("$")}
    assert desired == {"configId": 3, "deep": {"y": 1}}
    assert twinkle("twin", "patch", "twin-1", '{"room": "attic"}', "--tags").returncode == 0
    assert json.loads(twinkle("twin", "get", "twin-1", "--json").stdout)["tags"] == {"room": "attic"}
    one_line(twinkle("twin", "patch", "twin-1", "{}", "--etag", "AAAAAAAAAAk="), 4, "412")
    assert twinkle("twin", "patch", "twin-1", "{oops").returncode == 2
    one_line(twinkle("twin", "get", "nobody"), 3, "nobody")


def test_a_query_prints_twins(hub, twinkle):
    hub.add("query-1")
    done = twinkle("query", "SELECT * FROM devices WHERE deviceId = 'query-1'", "--json")
    assert [row["deviceId"] for row in json.loads(done.stdout)] == ["query-1"]
    one_line(twinkle("query", "SELECT * FROM devices WHERE deviceId ="), 4, "400")
    done = twinkle("query", "SELECT deviceId, status AS s FROM devices WHERE deviceId = 'query-1'", "--json")
    assert json.loads(done.stdout) == [{"deviceId": "query-1", "s": "enabled"}]
    clash = twinkle("query", "SELECT tags AS deviceId, deviceId AS version FROM devices")
    one_line(clash, 1, "name columns other than members of a twin")


def test_a_method_to_a_device_that_is_not_there(hub, twinkle):
    hub.add("absent")
    one_line(twinkle("method", "absent", "turnon"), 6, "404103")


def test_a_method_is_called_and_its_status_counts(hub, twinkle, tmp_path):
    text = f"{hub.add('caller')};Port={hub.info['mqttPort']}"
    with (
        open(hub.info["caFile"], "rb") as file,
        DeviceProcess("cpython", tmp_path / "device", text, file.read()) as device,
    ):
        device.wait_for(" ready")
        done = twinkle("method", "caller", "blink", "2", "--json")
        assert json.loads(done.stdout) == {
            "status": 200,
            "payload": {"description": "Blinking LED every 2 seconds"},
        }
        refused = twinkle("method", "caller", "nothing", "--json")
        assert json.loads(refused.stdout)["status"] == 404
        one_line(refused, 1, "status 404")


# --- messages to devices, by azure-iot-hub


def test_a_message_is_queued_for_a_device(hub, twinkle):
    hub.add("mailbox")
    assert twinkle("send", "mailbox", "hello", "--property", "level=3").stdout == "queued for mailbox\n"
    assert hub.call("get_device", "mailbox")["cloudToDeviceMessageCount"] == 1
    one_line(twinkle("send", "nobody", "hello"), 3, "nobody")
    assert twinkle("send", "mailbox", "hello", "--lifetime", "5").returncode == 2
    assert twinkle("send", "mailbox", "hello", "--wait", "5").returncode == 2
    for pair in ("novalue", "=x", "messageId=m", "iothub-ack=full", "expiryTimeUtc=1"):
        assert twinkle("send", "mailbox", "hello", "--property", pair).returncode == 2, pair
    assert hub.call("get_device", "mailbox")["cloudToDeviceMessageCount"] == 1


def test_a_message_that_the_hub_refuses_is_refused_in_the_hubs_words(hub, twinkle):
    hub.add("small")
    one_line(twinkle("send", "small", "x" * 70_000), 4, "MessageTooLarge", "more than 65536")


def test_a_queue_that_is_full_is_said_and_so_is_feedback_that_does_not_come(hub, twinkle):
    hub.add("full")
    one_line(twinkle("send", "full", "x", "--ack", "full", "--wait", "1"), 6, "no feedback within 1 s")
    for _ in range(49):
        hub.call("send", "full", b"x")
    one_line(twinkle("send", "full", "x"), 4, "50 messages wait for it already")


def test_feedback_is_waited_for_and_that_of_others_given_back(hub, twinkle):
    hub.add("away")
    hub.call("send", "away", b"x", {"$.mid": "other", "iothub-ack": "full"}, expires=1.0)
    sent = []
    thread = threading.Thread(
        target=lambda: sent.append(
            twinkle("send", "away", "hi", "--ack", "full", "--wait", f"{PATIENCE_S}", "--json")
        )
    )
    thread.start()
    (message,) = eventually(lambda: hub.call("devices.find", "away").inbox)
    message["expires"] = 1.0
    hub.call("messages._expire", hub.call("devices.find", "away"))
    thread.join(PATIENCE_S)
    assert json.loads(sent[0].stdout)["feedback"]["statusCode"] == "Expired" and sent[0].returncode == 1
    one_line(sent[0], 1, "ended as Expired")

    given_back = eventually(lambda: hub.call("feedback.lease", 10))
    assert "other" in [record["originalMessageId"] for record in given_back]


# --- events, by azure-eventhub


def test_monitor_shows_events_and_ends_after_a_count(hub, twinkle):
    hub.call("create_device", "watched", {})
    shown = twinkle("monitor", "--since", "beginning", "--device", "watched", "--count", "1", "--json")
    assert json.loads(shown.stdout)["deviceId"] == "watched", shown.stderr
    told = twinkle("monitor", "--since", "10m", "--device", "watched", "--only", "lifecycle", "--count", "1")
    assert told.stdout.split()[-2:] == ["watched", "created"]


def started_monitor(hub, home, *arguments):
    """``twinkle monitor``, once it is reading."""

    def readers():
        return sum(map(len, hub.server._amqp.event_hub._readers.values()))

    eventually(lambda: readers() == 0)  # those of one that has just ended would be taken for its
    process = subprocess.Popen(
        [TWINKLE, "monitor", "--state", hub.settings.state, *arguments],
        env=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: readers() == 4)
    return process


def test_monitor_shows_what_comes_and_the_hubs_diagnostics_and_ends_quietly_by_ctrl_c(hub, home):
    process = started_monitor(hub, home, "--device", "new")

    lines = []
    reading = threading.Thread(target=lambda: [lines.append(line) for line in process.stdout], daemon=True)
    reading.start()

    def both_shown():
        # The side door's listener may come later than the reader.
        hub.call("events.diagnostic", "new", "requestRefused", "for a test")
        words = {line.split(maxsplit=3)[3].strip() for line in list(lines)}
        return words == {"created", "diagnosis    for a test"}

    hub.call("create_device", "new", {})
    eventually(both_shown)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0 and process.stderr.read() == ""
    reading.join(PATIENCE_S)


def test_a_clock_that_was_set_back_makes_no_news_of_what_is_old(home, tmp_path):
    """Events keep their order then, with the time of the one before (see the log)."""
    with LiveHub(tmp_path / "hub") as live:
        device = {"iothub-connection-device-id": "early", "iothub-message-source": "Telemetry"}
        live.call("events._log.append", "early", device, {}, b"old", time.time() + 3600)
        process = started_monitor(live, home, "--count", "1", "--json")
        live.call("events._log.append", "early", device, {}, b"new", time.time())
        out, err = process.communicate(timeout=PATIENCE_S)
        assert json.loads(out)["body"] == "new", err


def test_monitor_says_that_the_hub_stopped(home, tmp_path):
    with LiveHub(tmp_path / "hub") as live:
        process = started_monitor(live, home)
    assert process.wait(PATIENCE_S) == 5
    assert "stopped" in process.stderr.read()


def test_monitor_says_which_of_the_events_asked_for_no_route_brings(home, tmp_path):
    with LiveHub(tmp_path / "hub", routes=("deviceLifecycleEvents",)) as live:
        only = ("--only", "telemetry", "--only", "connection", "--only", "lifecycle")
        command = [TWINKLE, "monitor", "--state", live.settings.state, *only, "--seconds", "0"]
        done = subprocess.run(
            command, env=home, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
    (said,) = done.stderr.splitlines()
    assert "no connection events" in said and "--route deviceConnectionStateEvents" in said


def test_monitor_names_a_group_that_is_not_there(twinkle):
    one_line(twinkle("monitor", "--group", "nobody"), 3, "no consumer group 'nobody'", "--consumer-group")


@pytest.mark.parametrize(
    "change, status, words",
    [
        (
            ("SharedAccessKey=", "SharedAccessKey=AA"),
            4,
            ["does not let this in: The token is signed with a key"],
        ),
        (("EntityPath=", "EntityPath=other"), 3, ["/otherlocalhost' could not be found"]),
        (("sb://localhost", "sb://127.0.0.9"), 5, ["127.0.0.9:"]),
        (("EntityPath=localhost", ""), 2, ["no connection string of a built-in endpoint", "Endpoint=sb://"]),
        (("Endpoint=sb://", "HostName="), 2, ["no connection string of a built-in endpoint"]),
    ],
    ids=["key", "entity", "elsewhere", "no-entity", "the-hubs-own"],
)
def test_what_is_wrong_with_the_endpoints_connection_string_is_said_once(hub, twinkle, change, status, words):
    done = twinkle("monitor", "--events", hub.info["eventHubConnectionString"].replace(*change))
    one_line(done, status, *words)
    assert "CBS Token" not in done.stderr


def test_a_group_without_a_name_is_wrong_usage(twinkle):
    assert twinkle("monitor", "--group", "").returncode == 2


def test_azure_needs_the_connection_string_of_its_built_in_endpoint(twinkle):
    text = "HostName=contoso.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=AAAA"
    done = twinkle("monitor", "--service", text, on_hub=False)
    one_line(done, 2, "--events", "TWINKLE_EVENTS_CONNECTION_STRING")
    assert "AAAA" not in done.stderr


@pytest.mark.parametrize("text", ["nonsense", "HostName=x", "HostName=x;SharedAccessKeyName=y"])
def test_a_bad_service_connection_string_names_what_is_missing(twinkle, text):
    one_line(twinkle("devices", "list", "--service", text, on_hub=False), 2, "connection string has no")


def test_no_hub_at_all_says_what_to_do(twinkle):
    one_line(twinkle("devices", "list", on_hub=False), 3, "twinkle hub", "TWINKLE_SERVICE_CONNECTION_STRING")


def test_a_ca_that_is_not_the_hubs_is_named(hub, twinkle, tmp_path):
    from twinkle_host.hub.certificates import Certificates

    other = Certificates(tmp_path / "other")
    other.prepare()
    text = hub.info["serviceConnectionString"]
    done = twinkle("devices", "list", "--service", text, "--ca-file", str(other.ca_file), on_hub=False)
    one_line(done, 4, "certificate", "--ca-file")


# --- the device


def launch(home, *arguments):
    return subprocess.Popen(
        [TWINKLE, "run", *arguments], env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_device_runs_restarts_after_a_reset_and_stops(hub, home, tmp_path, interpreter):
    name = f"run-{interpreter}"
    environment = {**home, "TWINKLE_DEVICE_CONNECTION_STRING": f"{hub.add(name)};Port={hub.info['mqttPort']}"}
    state = tmp_path / "device"
    process = launch(
        environment,
        "--ca-file",
        hub.info["caFile"],
        "--state",
        str(state),
        "--interpreter",
        interpreter,
        "--json",
    )
    lines = (json.loads(line) for line in process.stdout)
    assert next(line for line in lines if "ready" in line["text"])
    assert (state / "credentials.json").stat().st_mode & 0o777 == 0o600
    hub.call("invoke", name, "rebootDevice", None, done=lambda result: None)
    assert next(line for line in lines if "reset: " in line["text"])
    assert next(line for line in lines if "ready" in line["text"])
    hub.until_reported(name)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    process.communicate()


def test_a_board_that_does_not_exist_is_named(hub, home, tmp_path):
    process = launch(home, "--board", "toaster", "--connection-string", "x", "--ca-file", hub.info["caFile"])
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert "there is no board toaster; known are" in err and "desktop" in err


def test_a_bad_connection_string_ends_the_device_with_its_own_message(hub, home, tmp_path):
    process = launch(
        home,
        "--connection-string",
        "HostName=x",
        "--ca-file",
        hub.info["caFile"],
        "--state",
        str(tmp_path / "d"),
    )
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert (
        out
        == "setup: the connection string has no DeviceId: copy the device's own connection string, all of it\n"
    )


# --- the rest


def test_doctor_is_content_where_the_set_up_has_run(twinkle):
    done = twinkle("doctor", "--json", on_hub=False)
    assert done.returncode == 0, done.stdout
    assert all(finding["present"] for finding in json.loads(done.stdout) if finding["needed"])


def verbs():
    from twinkle_host.cli import twinkle

    for name, command in twinkle.commands.items():
        yield from ([name, inner] for inner in command.commands) if hasattr(command, "commands") else [[name]]


@pytest.mark.parametrize("verb", list(verbs()), ids=" ".join)
def test_every_verb_has_help_with_an_example_and_json(verb):
    from click.testing import CliRunner

    from twinkle_host.cli import twinkle

    text = CliRunner().invoke(twinkle, [*verb, "--help"]).output
    assert "Example: twinkle " + " ".join(verb) in text
    assert "--json" in text and "Exit status" in text


def test_a_digital_twin_is_read_patched_and_commanded(hub, twinkle, tmp_path):
    text = f"{hub.add('warm')};Port={hub.info['mqttPort']}"
    with (
        open(hub.info["caFile"], "rb") as file,
        DeviceProcess(
            "cpython", tmp_path / "device", text, file.read(), {"app": "apps.thermostat"}
        ) as device,
    ):
        device.wait_for(" ready")
        shown = json.loads(twinkle("digital-twin", "get", "warm", "--json").stdout)
        assert shown["$metadata"]["$model"] == "dtmi:com:example:Thermostat;1"
        patch = '{"op": "add", "path": "/targetTemperature", "value": 21}'
        answer = json.loads(twinkle("digital-twin", "patch", "warm", patch, "--json").stdout)
        assert answer == {"deviceId": "warm", "etag": hub.call("get_twin", "warm")["etag"]}
        one_line(
            twinkle("digital-twin", "patch", "warm", patch, "--etag", "AAAAAAAAAAE="),
            4,
            "412",
            "read it again",
        )
        one_line(twinkle("digital-twin", "patch", "warm", '{"op": "move"}'), 4, "add, replace or remove")
        done = twinkle("digital-twin", "command", "warm", "getMaxMinReport", '"not a time"', "--json")
        assert json.loads(done.stdout)["status"] == 400
        one_line(done, 1, "status 400")
    one_line(
        twinkle("digital-twin", "command", "warm", "getMaxMinReport", "--component", "thermostat1"),
        6,
        "404103",
    )
    one_line(twinkle("digital-twin", "get", "nobody"), 3, "nobody")


def test_a_device_is_made_a_certificate_and_runs_with_it(hub, twinkle, tmp_path):
    done = twinkle("devices", "add", "certified", "--x509", str(tmp_path / "own"))
    assert "x509=true" in done.stdout and (tmp_path / "own" / "device.key").stat().st_mode & 0o077 == 0
    again = twinkle("devices", "add", "certified-2", "--x509", str(tmp_path / "own"))
    one_line(again, 1, "device.key exists")
    certificate = str(tmp_path / "own" / "device.pem")
    shared = twinkle("devices", "add", "certified-2", "--certificate", certificate)
    assert shared.returncode == 0
    one_line(
        twinkle("devices", "add", "x", "--certificate", str(hub.settings.state / "hub.json")), 2, "no PEM"
    )
    assert twinkle("devices", "add", "x", "--authority", "--certificate", certificate).returncode == 2
    one_line(twinkle("devices", "add", "x" * 65, "--x509", str(tmp_path / "long")), 2, "64 characters")

    run = subprocess.Popen(
        [
            *(TWINKLE, "run", "--connection-string", done.stdout.strip(), "--x509", tmp_path / "own"),
            *("--ca-file", hub.info["caFile"], "--state", tmp_path / "device"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in run.stdout:
            if " ready" in line:
                break
        else:
            raise AssertionError("it never became ready")
    finally:
        run.terminate()
        run.communicate(timeout=PATIENCE_S)
    assert (tmp_path / "device" / "device.key").stat().st_mode & 0o077 == 0


def test_authorities_and_their_enrolments(hub, twinkle):
    added = twinkle("authorities", "add", "factory", hub.info["caFile"], "--json")
    assert json.loads(added.stdout) == {"name": "factory"}
    assert twinkle("authorities", "list").stdout == "factory\n"
    one_line(twinkle("authorities", "add", "factory", hub.info["caFile"]), 4, "409", "remove it first")
    group = twinkle("enrolments", "add", "line-1", "--group", "--authority", "factory")
    assert group.stdout.startswith("id scope 0ne") and "key" not in group.stdout
    one_line(
        twinkle("enrolments", "add", "line-2", "--group", "--authority", "nobody"), 3, "register it first"
    )
    assert twinkle("authorities", "remove", "factory").returncode == 0
    assert twinkle("authorities", "list").stdout == "no authorities\n"


def test_an_enrolment_by_certificate(hub, twinkle, tmp_path):
    done = twinkle("enrolments", "add", "shed-9", "--x509", str(tmp_path / "own"), "--json")
    text = json.loads(done.stdout)["connectionString"]
    assert "RegistrationId=shed-9;x509=true" in text and "SharedAccessKey" not in text


@pytest.fixture
def failing(hub):
    """Makes the hub answer questions about a device with a status; answers the id."""

    def fail(status, **rule):
        hub.misbehave({"fault": "http", "device": f"fails-{status}", "status": status, **rule})
        return f"fails-{status}"

    yield fail
    hub.misbehave()


@pytest.mark.parametrize("status", [500, 503])
def test_a_hub_that_fails_once_is_asked_again_and_one_that_goes_on_is_named(twinkle, hub, failing, status):
    hub.add(failing(status, times=1))
    assert twinkle("twin", "get", f"fails-{status}").returncode == 0
    one_line(twinkle("twin", "get", failing(status)), 5, f"answered {status} again and again")


def test_a_hub_that_is_asked_too_often_says_so(twinkle, failing):
    one_line(twinkle("twin", "get", failing(429)), 4, "429")


def test_the_command_knows_the_cores_routes():
    from twinkle_host.hub.command import ROUTES
    from twinkle_host.hub.core import ROUTES as OF_THE_CORE

    assert ROUTES == OF_THE_CORE


def test_ctrl_c_while_the_command_is_loaded_is_a_line_too(monkeypatch, capsys):
    class Impatient:
        """Whoever presses Ctrl-C while a module is looked for."""

        def find_spec(self, name, path=None, target=None):
            if name == "twinkle_host.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "twinkle_host.cli", raising=False)
    monkeypatch.delattr(twinkle_host, "cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert (ended.value.code, capsys.readouterr().err) == (1, "twinkle: ended by you\n")
