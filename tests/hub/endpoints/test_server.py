"""The running hub: sockets, HTTP, certificates and files around the core."""

import contextlib
import json
import os
import resource
import socket
import sqlite3
import ssl
import stat

import pytest
from curl import Rest
from wire import ACCEPTED, hello, open_tls, subscribe

from twinkle_host.hub.certificates import Certificates
from twinkle_host.hub.doors import secure
from twinkle_host.hub.doors.mqtt import MAX_UNREAD
from twinkle_host.hub.doors.patience import MAX_WAITING
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.server import BusyPort, ServerError
from twinkle_host.hub.store import SqliteStore, StoreError
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub"), host_names=("localhost", "bench.test", "192.0.2.7")) as live:
        yield live


@pytest.fixture
def rest(hub):
    return Rest(hub)


# --- REST


def test_a_refusal_has_the_documented_form(rest):
    answer = rest("GET", "/twins/nobody")
    assert (answer.status_code, answer.reason) == (404, "Not Found")
    assert answer.headers["iothub-errorcode"] == "DeviceNotFound"
    assert answer.json()["Message"].startswith("ErrorCode:DeviceNotFound;")
    assert answer.json()["ExceptionMessage"].startswith("Tracking ID:")


def test_a_method_refusal_has_json_in_its_message(hub, rest):
    hub.add("rest-method")
    answer = rest("POST", "/twins/rest-method/methods", {"methodName": "x"})
    inner = json.loads(answer.json()["Message"])
    assert answer.status_code == 404 and inner["errorCode"] == 404103


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/twins/rest-bad", "{", 400),
        ("PATCH", "/twins/rest-bad", "[]", 400),
        ("PATCH", "/twins/rest-bad", {"properties": {"desired": {"a.b": 1}}}, 400),
        ("POST", "/twins/rest-bad/methods", {"payload": 1}, 400),
        ("POST", "/twins/rest-bad/methods", {"methodName": "x", "responseTimeoutInSeconds": "soon"}, 400),
        ("POST", "/devices/query", {"text": "SELECT"}, 400),
        ("POST", "/devices/query", {"query": "DELETE everything"}, 400),
        ("PUT", "/devices/with space", {"deviceId": "with space"}, 400),
        ("POST", "/devices", {"not": "an array"}, 400),
        ("GET", "/no/such/resource", None, 404),
        ("POST", "/twins/rest-bad", {}, 405),
        ("PATCH", "/twins/rest-bad", "x" * 600_000, 413),
        ("PATCH", "/twins/rest-bad", "[" * 100_000, 400),
    ],
)
def test_bad_requests_are_refused_with_json(hub, rest, method, path, body, status):
    if not [d for d in hub.call("list_devices", None) if d["deviceId"] == "rest-bad"]:
        hub.add("rest-bad")
    answer = rest(method, path, body)
    assert answer.status_code == status, answer.text
    assert "ErrorCode:" in answer.json()["Message"] or "errorCode" in answer.json()["Message"]


def test_the_api_version_is_required(rest):
    assert rest("GET", "/devices", version=None).status_code == 400
    assert rest("GET", "/devices", version="today").status_code == 400


@pytest.mark.parametrize(
    "token", [None, "", "Bearer x", "SharedAccessSignature sr=localhost&sig=x&se=1&skn=iothubowner"]
)
def test_without_a_good_token_nothing_is_told(rest, token):
    answer = rest("GET", "/devices", headers={"Authorization": token})
    assert answer.status_code == 401
    assert answer.headers["iothub-errorcode"].startswith("IotHubUnauthorized")


def test_a_policy_opens_only_what_it_permits(hub):
    reader, service = Rest(hub, "registryRead"), Rest(hub, "service")
    assert reader("GET", "/devices").status_code == 200
    assert reader("PUT", "/devices/x", {"deviceId": "x"}).status_code == 401
    assert reader("GET", "/twins/x").status_code == 401
    assert service("GET", "/devices").status_code == 401
    assert service("GET", "/twins/x").status_code == 404


@pytest.mark.parametrize("quoted", ['"{}"', "{}"])
def test_an_etag_counts_with_and_without_quotes(hub, rest, quoted):
    name = "etag-quoted" if '"' in quoted else "etag-bare"
    hub.add(name)
    etag = rest("GET", f"/twins/{name}").json()["etag"]
    good, stale = {"If-Match": quoted.format(etag)}, {"If-Match": quoted.format("AAAAAAAAAAk=")}
    assert rest("PATCH", f"/twins/{name}", {"tags": {"a": 1}}, headers=stale).status_code == 412
    assert rest("PATCH", f"/twins/{name}", {"tags": {"a": 1}}, headers=good).status_code == 200
    for star in ("*", '"*"'):
        assert (
            rest("PATCH", f"/twins/{name}", {"tags": {"a": 2}}, headers={"If-Match": star}).status_code == 200
        )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/twins/arrays", {"tags": {"a": {"b": [1]}}}),
        ("PATCH", "/twins/arrays", {"properties": {"desired": {"a": []}}}),
        ("PUT", "/twins/arrays", {"tags": {"a": [1]}}),
        ("POST", "/devices", [{"id": "arrays", "importMode": "updateTwin", "tags": {"a": [1]}}]),
        (
            "POST",
            "/devices",
            [{"id": "arrays", "importMode": "update", "properties": {"desired": {"a": [1]}}}],
        ),
        ("POST", "/devices", [{"id": "arrays-2", "importMode": "create", "tags": {"a": [1]}}]),
    ],
)
def test_a_service_with_an_old_api_version_writes_no_arrays(hub, rest, method, path, body):
    """azure-iot-explorer issue 305: 2019-10-01 or later has them; azure-iot-sdk-csharp issue 65: the words."""
    if not hub.call("devices.get", "arrays"):
        hub.add("arrays")
    for version in ("2018-06-30", "2019-07-01-preview"):
        answer = rest(method, path, body, version=version)
        assert answer.status_code == 400 and "ArgumentInvalid" in answer.text, answer.text
        assert "arrays are not supported" in answer.text
    assert rest(method, path, body, version="2019-10-01").status_code == 200


def test_many_devices_are_made_in_one_request(rest):
    answer = rest("POST", "/devices", [{"id": f"bulk-{n}", "importMode": "create"} for n in range(3)])
    assert answer.json() == {"isSuccessful": True, "errors": [], "warnings": []}
    again = rest("POST", "/devices", [{"id": "bulk-1", "importMode": "create"}, {"id": "bulk-2"}])
    assert again.status_code == 400
    assert [error["deviceId"] for error in again.json()["errors"]] == ["bulk-1"]


def test_the_side_door_is_labelled_and_streams(hub, rest):
    with rest("GET", "/twinkle/diagnostics", version=None, stream=True) as stream:
        assert "not part of Azure" in stream.headers["x-twinkle-side-door"]
        hub.call("create_device", "side-door", {})
        hub.call("events.diagnostic", "side-door", "requestRefused", "a test")
        lines = stream.iter_lines(chunk_size=1)
        event = json.loads(next(line for line in lines if line))
    assert event["source"] == "hubDiagnostics", "all else is read over AMQP"
    assert event["deviceId"] == "side-door" and event["body"]["reason"] == "a test"


@pytest.mark.parametrize("what", ["requestRefused", "answerDropped", "storeFailed"])
def test_what_was_refused_on_a_live_connection_is_in_the_hubs_log(hub, caplog, what):
    """A registration that is answered 401, a twin write that is answered 400: nothing else would tell of them."""
    with caplog.at_level("WARNING", "twinkle.hub"):
        hub.call("events.diagnostic", "shed-7", what, "a test said so")
    assert [record.getMessage() for record in caplog.records] == ["device shed-7: a test said so"]


@pytest.mark.parametrize("path", ["/twinkle/events", "/twinkle/messages/side-door"])
def test_what_azure_offers_has_no_side_door(rest, path):
    assert rest("GET", path, version=None).status_code in (404, 501)


# --- MQTT over sockets


def test_a_connect_in_single_bytes_is_answered(hub):
    hub.add("slow-talker")
    with open_tls(hub) as sock:
        for byte in hello(hub, "slow-talker"):
            sock.sendall(bytes((byte,)))
        assert sock.recv(4) == ACCEPTED
        sock.sendall(b"\xc0\x00")
        assert sock.recv(2) == b"\xd0\x00"


def test_another_protocol_level_is_answered_with_code_1(hub):
    hub.add("mqtt-five")
    with open_tls(hub) as sock:
        sock.sendall(hello(hub, "mqtt-five", level=5))
        assert sock.recv(4) == b"\x20\x02\x00\x01"
        assert sock.recv(1) == b""


def test_noise_and_silence_end_only_their_own_connection(hub):
    hub.add("honest")
    with open_tls(hub) as honest:
        honest.sendall(hello(hub, "honest"))
        assert honest.recv(4) == ACCEPTED
        with open_tls(hub) as noisy:
            noisy.sendall(bytes(range(256)))
            assert noisy.recv(1) == b""
        honest.sendall(b"\xc0\x00")
        assert honest.recv(2) == b"\xd0\x00"


def test_thousands_of_half_open_connections_are_bounded_and_honest_devices_served(hub, monkeypatch):
    """None of them ever says a word; the hub keeps the youngest thousand."""
    monkeypatch.setattr(secure, "HANDSHAKE_S", PATIENCE_S)  # nobody leaves because of the time
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = 3 * MAX_WAITING  # for the hub's ends, which are in this process too, and for all else
    count = 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - room)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + room), hard))
    hub.add("served")
    half_open = []
    try:
        for number in range(count):
            sock = socket.socket()
            sock.connect(("127.0.0.1", hub.info["mqttPort"]))
            half_open.append(sock)
            if number % 1000 == 999:
                with open_tls(hub) as honest:
                    honest.sendall(hello(hub, "served"))
                    assert honest.recv(4) == ACCEPTED
        endpoint = hub.server._endpoint
        eventually(lambda: endpoint.lobby.refused >= count - MAX_WAITING)
        assert len(endpoint.lobby) <= MAX_WAITING
        eventually(lambda: len(endpoint.connections) <= MAX_WAITING + 10)
    finally:
        for sock in half_open:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(lambda: not endpoint.lobby)


def test_a_device_that_does_not_read_is_dropped_and_others_are_served(hub):
    hub.add("deaf")
    with open_tls(hub) as deaf:
        deaf.sendall(hello(hub, "deaf"))
        assert deaf.recv(4) == ACCEPTED
        deaf.sendall(subscribe("$iothub/twin/PATCH/properties/desired/#"))
        assert deaf.recv(5)[0] == 0x90
        patch = {"properties": {"desired": {f"k{n}": "x" * 4000 for n in range(7)}}}

        def gone():
            hub.call("patch_twin", "deaf", patch)
            return hub.call("get_device", "deaf")["connectionState"] == "Disconnected"

        eventually(gone)
    assert MAX_UNREAD < 1 << 24


# --- certificates, store and state


def test_the_certificate_carries_every_name(hub):
    for name in ("localhost", "bench.test", "192.0.2.7", "127.0.0.1"):
        open_tls(hub, name).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        open_tls(hub, "elsewhere.test")


def test_certificates_are_kept_and_renewed_when_a_name_is_added(tmp_path):
    first = Certificates(tmp_path)
    first.prepare()
    authority, leaf = (tmp_path / "ca.pem").read_bytes(), (tmp_path / "server.pem").read_bytes()
    Certificates(tmp_path).prepare()
    assert (tmp_path / "server.pem").read_bytes() == leaf
    Certificates(tmp_path, ("new.test",)).prepare()
    assert (tmp_path / "server.pem").read_bytes() != leaf
    assert (tmp_path / "ca.pem").read_bytes() == authority


def test_secrets_are_readable_by_their_owner_alone(hub):
    state = hub.settings.state
    for file in ("hub.json", "hub.sqlite", "events.sqlite", "ca/ca.key", "ca/server.pem"):
        assert stat.S_IMODE(os.stat(state / file).st_mode) == 0o600, file


def test_two_hubs_cannot_share_a_state(hub):
    with pytest.raises(ServerError, match="another hub is running"):
        LiveHub(hub.settings.state).start()


@pytest.mark.parametrize(
    ("port", "flag"),
    [
        *(("port", "--port"), ("rest_port", "--rest-port"), ("amqp_port", "--amqp-port")),
        ("plain_amqp_port", "--plain-amqp-port"),
    ],
)
def test_a_busy_port_names_itself_and_its_flag(hub, tmp_path, port, flag):
    taken = hub.info[{"port": "mqttPort", "rest_port": "restPort"}.get(port, "amqpPort")]
    with pytest.raises(BusyPort, match=f"port {taken} .* {flag}"):
        LiveHub(tmp_path, **{port: taken}).start()


def test_the_store_keeps_what_it_was_given(tmp_path):
    store = SqliteStore(tmp_path / "hub.sqlite")
    store.save({"id": "a", "n": 1})
    store.save({"id": "a", "n": 2})
    store.save({"id": "b", "text": "é"})
    store.delete("b")
    store.delete("never there")
    store.close()
    assert list(SqliteStore(tmp_path / "hub.sqlite").load_all()) == [{"id": "a", "n": 2}]


def test_the_store_writes_several_records_or_none(tmp_path):
    store = SqliteStore(tmp_path / "hub.sqlite")
    store.save({"id": "a", "n": 1})
    with pytest.raises(TypeError):
        store.write([{"id": "b"}, {"id": "c", "no JSON": object()}], ["a"])
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store._db.execute("PRAGMA max_page_count=4")
        store.write([{"id": "b"}, {"id": "c", "text": "x" * 100_000}], ["a"])
    assert list(store.load_all()) == [{"id": "a", "n": 1}]
    store.write([{"id": "b"}, {"id": "a", "n": 2}], ["a"])
    assert sorted(store.load_all(), key=str) == [{"id": "a", "n": 2}, {"id": "b"}]
    store.close()


def test_a_file_that_is_no_store_is_named(tmp_path):
    (tmp_path / "hub.sqlite").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(StoreError, match=r"hub\.sqlite cannot be used .* --state"):
        SqliteStore(tmp_path / "hub.sqlite")


@pytest.mark.parametrize("version", [1, 99])
def test_state_of_another_version_is_refused_whichever_of_its_files_it_is(tmp_path, version):
    """One rule, for older and newer hubs' files: nothing is taken over."""
    LiveHub(tmp_path).__enter__().stop()
    files = sorted(tmp_path.glob("*.sqlite"))
    assert [file.name for file in files] == ["events.sqlite", "hub.sqlite"]
    for file in files:
        with contextlib.closing(sqlite3.connect(file)) as database:
            (own,) = database.execute("PRAGMA user_version").fetchone()
            database.execute(f"PRAGMA user_version={version}")
        with pytest.raises(StoreError, match=rf"{file.name} was .* another version .*\({version}\).*--state"):
            LiveHub(tmp_path).start()
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute(f"PRAGMA user_version={own}")
    LiveHub(tmp_path).__enter__().stop()
