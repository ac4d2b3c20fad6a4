"""The store of uploaded files over HTTPS, as curl would use it."""

import base64
import hashlib
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from https_device import Device

from twinkle_host.hub.blobs import OVERHEAD
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.names import reached
from twinkle_host.waiting import PATIENCE_S, eventually

KINDS = {"x-ms-blob-type": "BlockBlob"}
ROOM = 4 << 20


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with little room for files."""
    with LiveHub(tmp_path_factory.mktemp("hub"), upload_bytes=ROOM) as live:
        yield live


@pytest.fixture
def device(hub, request):
    return Device(hub, "".join(c if c.isalnum() else "-" for c in request.node.name)[:90])


def files(hub):
    """Every file of the store but what is beside the blobs."""
    root = Path(hub.info["uploads"])
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def own(hub, device):
    return {name: data for name, data in files(hub).items() if name.startswith(device.name + "/")}


def reset_at_once(hub):
    """A connection that ends in a reset, without a word."""
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    plain = socket.create_connection(("127.0.0.1", hub.info["restPort"]), timeout=PATIENCE_S)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return context.wrap_socket(plain, server_hostname="localhost")


def error(answer):
    return answer.status_code, answer.headers["x-ms-error-code"]


def test_a_file_is_put_told_and_got_back(hub, device):
    """Storage services, "Put Blob", "Get Blob", "Get Blob Properties": statuses and headers; IoT Hub developer guide,
    "Upload files"."""
    made, url = device.begin("photos/a b.jpg")
    put = device.ask("PUT", url, b"hello", **KINDS, **{"Content-Type": "image/jpeg", "x-ms-meta-x": "1"})
    assert put.status_code == 201 and put.headers["ETag"] and put.headers["Last-Modified"]
    assert put.headers["Content-MD5"] == base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    assert device.end(made).status_code == 204
    (told,) = hub.call("files.lease", 10)
    assert told["blobSizeInBytes"] == 5 and told["blobName"] == f"{device.name}/photos/a b.jpg"
    got = device.ask("GET", url)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, b"hello", "image/jpeg")
    assert got.headers["x-ms-meta-x"] == "1" and got.headers["ETag"] == put.headers["ETag"]
    part = device.ask("GET", url, **{"x-ms-range": "bytes=1-2"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"el", "bytes 1-2/5")
    assert error(device.ask("GET", url, Range="bytes=5-")) == (416, "InvalidRange")
    head = device.ask("HEAD", url)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "5", b"")
    assert own(hub, device) == {f"{device.name}/photos%2Fa b.jpg": b"hello"}


def test_a_file_is_put_in_blocks_that_come_in_any_order(hub, device):
    """ "Put Block", "Put Block List": the list says which blocks, and in which order."""
    _, url = device.begin()
    ids = [base64.b64encode(f"{number:04}".encode()).decode() for number in range(3)]
    parts = {name: bytes([65 + number]) * 1000 for number, name in enumerate(ids)}

    def put(name):
        return device.ask("PUT", f"{url}&comp=block&blockid={quote(name, safe='')}", parts[name]).status_code

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(put, reversed(ids))) == [201, 201, 201]
    assert error(device.ask("GET", url)) == (404, "BlobNotFound")
    latest = "".join(f"<Latest>{name}</Latest>" for name in ids)
    answer = device.ask(
        "PUT", f"{url}&comp=blocklist", f"<?xml version='1.0'?><BlockList>{latest}</BlockList>"
    )
    assert answer.status_code == 201, answer.text
    assert device.ask("GET", url).content == b"".join(parts.values())
    assert not [name for name in files(hub) if name.startswith((".blocks", ".new"))]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<BlockList><Latest>bm9uZQ==</Latest></BlockList>", "InvalidBlockList"),
        ("<BlockList><Committed>bm9uZQ==</Committed></BlockList>", "InvalidBlockList"),
        ("<BlockList><Latest>?</Latest></BlockList>", "InvalidXmlDocument"),
        ("<!DOCTYPE x [<!ENTITY y 'z'>]><BlockList/>", "InvalidXmlDocument"),
        ("", "InvalidXmlDocument"),
        (b"\xff\xfe", "InvalidXmlDocument"),
    ],
)
def test_a_list_of_what_is_not_there_or_no_list_is_refused(device, body, code):
    _, url = device.begin()
    assert error(device.ask("PUT", f"{url}&comp=blocklist", body)) == (400, code)
    assert error(device.ask("GET", url)) == (404, "BlobNotFound")


def test_what_the_signature_does_not_open_stays_shut(device):
    """ "Create a service SAS": each field is signed, and the blob's name with them."""
    made, url = device.begin()
    bare = url.partition("?")[0]
    assert error(device.ask("PUT", bare, b"x", **KINDS)) == (403, "NoAuthenticationInformation")
    for changed in (
        url.replace("a.txt", "b.txt"),
        url.replace("a.txt", "a%2Etxt/.."),
        url.replace(f"/{device.name}/", "/other/"),
        url.replace("sp=rw", "sp=rwd"),
        url.replace("se=2", "se=3"),
    ):
        assert error(device.ask("PUT", changed, b"x", **KINDS)) == (403, "AuthenticationFailed"), changed
    assert error(device.ask("DELETE", url)) == (501, "NotImplemented")
    assert error(device.ask("PUT", f"{url}&comp=appendblock", b"x")) == (501, "NotImplemented")
    assert device.end(made, succeeded=False).status_code == 204


@pytest.mark.parametrize(
    "name",
    ["../../etc/x", "..", "a/../../b", "%2e%2e/b", "..%2fb", ".new/x", "C:\\x", "/abs", "~", "a" * 900, "é"],
)
def test_no_name_leads_out_of_the_devices_directory(hub, device, name):
    before = {file for file in Path(hub.info["uploads"]).parent.rglob("*") if file.is_file()}
    answer = device.post("files", {"blobName": name})
    if answer.status_code == 400:
        assert ".." in name
        return
    made = answer.json()
    url = f"https://{made['hostName']}/{made['containerName']}/{quote(made['blobName'], safe='')}{made['sasToken']}"
    assert device.ask("PUT", url, b"x", **KINDS).status_code == 201
    assert device.ask("GET", url).content == b"x"
    (written,) = {
        file
        for file in Path(hub.info["uploads"]).parent.rglob("*")
        if file.is_file() and ".about" not in file.parts and file not in before and "sqlite" not in file.name
    }
    assert written.parent == Path(hub.info["uploads"]) / device.name and written.read_bytes() == b"x"


def test_what_is_too_much_is_refused_counted_and_leaves_nothing(hub, device):
    store = hub.server.blobs
    used, refused = store.used, store.refused
    _, url = device.begin()
    assert error(device.ask("PUT", url, b"x" * (ROOM + 1), **KINDS)) == (413, "RequestBodyTooLarge")
    assert (store.used, store.refused) == (used, refused + 1) and own(hub, device) == {}
    assert device.ask("PUT", url, b"x" * (ROOM - used - OVERHEAD), **KINDS).status_code == 201
    _, other = device.begin("b")
    assert error(device.ask("PUT", other, b"y", **KINDS)) == (413, "RequestBodyTooLarge")
    assert error(device.ask("PUT", other, b"", **KINDS)) == (413, "RequestBodyTooLarge"), (
        "a file is no nothing"
    )
    (Path(hub.info["uploads"]) / device.name / "a.txt").unlink()
    assert device.ask("PUT", other, b"y", **KINDS).status_code == 201, "who removes files makes room"
    assert store.used == used + 1 + OVERHEAD


def test_a_client_that_leaves_in_the_middle_leaves_nothing_and_is_no_failure_of_the_hubs(hub, device, alarm):
    _, url = device.begin()

    def broken():
        yield b"x" * 1000
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        device.ask("PUT", url, broken(), **KINDS)
    assert error(device.ask("GET", url)) == (404, "BlobNotFound")
    eventually(lambda: not list((Path(hub.info["uploads"]) / ".new").iterdir()))
    _, url = device.begin("large")
    assert device.ask("PUT", url, b"x" * (ROOM // 2), **KINDS).status_code == 201
    for _ in range(20):
        host = f"localhost:{hub.info['restPort']}"
        with reset_at_once(hub) as sock:
            sock.sendall(f"GET {url.partition(host)[2]} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert device.ask("GET", url).status_code == 200
    alarm.silent()


def test_conditions_and_a_checksum_are_kept_to(device):
    """ "Specifying conditional headers"; azure-storage-blob's ``upload_blob`` without ``overwrite`` sends
    If-None-Match: *."""
    _, url = device.begin()
    sum_of_other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert error(device.ask("PUT", url, b"x", **KINDS, **{"Content-MD5": sum_of_other})) == (
        400,
        "Md5Mismatch",
    )
    assert device.ask("PUT", url, b"1", **KINDS, **{"If-None-Match": "*"}).status_code == 201
    assert error(device.ask("PUT", url, b"2", **KINDS, **{"If-None-Match": "*"})) == (
        409,
        "BlobAlreadyExists",
    )
    assert error(device.ask("PUT", url, b"2", **KINDS, **{"If-Match": '"0x1"'})) == (412, "ConditionNotMet")
    etag = device.ask("HEAD", url).headers["ETag"]
    assert device.ask("PUT", url, b"2", **KINDS, **{"If-Match": etag}).status_code == 201
    etag = device.ask("HEAD", url).headers["ETag"]
    assert device.ask("GET", url, **{"If-None-Match": etag}).status_code == 304
    assert error(device.ask("GET", url, **{"If-Match": '"0x1"'})) == (412, "ConditionNotMet")
    assert device.ask("GET", url, **{"If-Match": etag}).content == b"2"
    assert error(device.ask("PUT", url, b"3")) == (400, "MissingRequiredHeader")
    assert error(device.ask("PUT", url, b"3", **{"x-ms-blob-type": "PageBlob"})) == (501, "NotImplemented")
    assert device.ask("GET", url).content == b"2"


def test_nobody_uploads_in_the_name_of_another(hub, device):
    other = Device(hub, f"other-{device.name}"[:90])
    answer = device.post("files", {"blobName": "a"}, other.token)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (401, "IotHubUnauthorized")
    made, _ = device.begin()
    body = {"correlationId": made["correlationId"], "isSuccess": True}
    assert other.post("files/notifications", body).status_code == 400
    named = device.post(f"files/notifications/{made['correlationId']}", {"isSuccess": False})
    assert named.status_code == 204, "as npm azure-iot-device ends it"


def test_files_blocks_and_uploads_survive_a_restart(tmp_path):
    with LiveHub(tmp_path) as hub:
        device = Device(hub, "kept")
        made, url = device.begin()
        block = base64.b64encode(b"0001").decode()
        device.ask("PUT", f"{url}&comp=block&blockid={quote(block, safe='')}", b"later")
        _, other = device.begin("b")
        device.ask("PUT", other, b"now", **KINDS)
        used, port = hub.server.blobs.used, hub.info["restPort"]
        hub.stop()
        (Path(hub.info["uploads"]) / ".new" / "left").write_bytes(b"half")
        hub.start()
        assert hub.server.blobs.used == used == 8 + 2 * OVERHEAD
        url, other = (text.replace(f":{port}/", f":{hub.info['restPort']}/") for text in (url, other))
        assert device.ask("GET", other).content == b"now"
        device.base = f"https://localhost:{hub.info['restPort']}"
        latest = f"<BlockList><Uncommitted>{block}</Uncommitted></BlockList>"
        assert device.ask("PUT", f"{url}&comp=blocklist", latest).status_code == 201
        assert device.end(made).status_code == 204 and hub.server.blobs.used == used
        assert hub.call("files.lease", 10)[0]["blobSizeInBytes"] == 5


@pytest.mark.parametrize(
    ("bind", "names", "asked", "port", "host"),
    [
        ("127.0.0.1", (), "localhost", 8443, "localhost:8443"),
        ("127.0.0.1", ("bench.local",), "myhub", 443, "localhost"),
        ("0.0.0.0", (), "myhub", 8443, "localhost:8443"),
        ("0.0.0.0", ("192.168.1.5", "bench.local"), "bench.local", 8443, "bench.local:8443"),
        ("0.0.0.0", ("192.168.1.5", "bench.local"), "myhub", 443, "192.168.1.5"),
        ("::", ("fd00::1",), "fd00::1", 8443, "[fd00::1]:8443"),
    ],
)
def test_a_device_is_sent_to_a_name_that_it_can_dial(bind, names, asked, port, host):
    """azure-iot-device sends ``Host`` with the hub's own name, also where it dials a gateway (pipeline_stages_http)."""
    assert reached(bind, "localhost", names, asked, port) == host
