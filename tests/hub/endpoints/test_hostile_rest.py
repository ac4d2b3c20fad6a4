"""Nothing that a service can send to the REST endpoint or the side door is more than refused.

Left out, because waiting is their purpose: the stream ``GET /twinkle/diagnostics``, and a method's
connectTimeoutInSeconds above zero.
"""

import http.client
import json
import socket
import ssl
from urllib.parse import quote

import pytest
from azure.iot.hub.sastoken import SasToken
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.rest.service import MAX_BODY
from twinkle_host.waiting import PATIENCE_S

DEVICE = "hostile"


class Service:
    """One kept connection to the endpoint, with a good token."""

    def __init__(self, hub):
        text = hub.call("access.connection_string", f"localhost:{hub.info['restPort']}", "iothubowner")
        parts = dict(pair.split("=", 1) for pair in text.split(";"))
        self.token = str(SasToken(parts["HostName"], parts["SharedAccessKey"], "iothubowner"))
        self.context = ssl.create_default_context(cafile=hub.info["caFile"])
        self.port = hub.info["restPort"]
        self.connection = None

    def ask(self, method, path, headers, body):
        """``(status, body)``. A server may close a connection on which it was sent nonsense."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self.context, timeout=PATIENCE_S
            )
        try:
            self.connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {
                "Authorization": self.token,
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.connection.putheader(name, value)
            self.connection.endheaders(body or None)
            answer = self.connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            self.connection = None
            raise
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return answer.status, content

    def raw(self, data):
        """Bytes as they are; what is answered until the server closes, nothing if it may wait for more."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        with self.context.wrap_socket(plain, server_hostname="localhost") as sock:
            try:
                sock.sendall(data)  # of which the server may have had enough before the end
                return sock.recv(65536) if must_be_answered(data) else b""
            except (ConnectionError, ssl.SSLError):
                return b""


def must_be_answered(data):
    """Whether these bytes are a request with its header's end, or more than any header's line may have."""
    return data.startswith((b"GET ", b"POST ")) or len(data) > 8190


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        live.add(DEVICE)
        yield live


@pytest.fixture(scope="module")
def service(hub):
    return Service(hub)


noise = st.text(max_size=6) | st.sampled_from(
    ["²", "0", "-1", "9" * 5000, "1e999", "NaN", "\r\n", "\x00", "*", '"']
)
ids = st.just(DEVICE) | st.just(DEVICE) | noise
paths = st.one_of(
    st.builds("/devices/{}".format, ids),
    st.sampled_from(
        [
            *("/devices", "/devices/query", "/statistics/devices", "/statistics/service", "/", "*", "//"),
            *("/jobs/v2/query", "/configurations", "/configurations/testQueries"),
        ]
    ),
    st.builds("/twins/{}".format, ids),
    st.builds("/twins/{}/methods".format, ids),
    st.builds("/devices/{}/modules".format, ids),
    st.builds("/devices/{}/modules/{}".format, ids, noise),
    st.builds("/twins/{}/modules/{}".format, ids, noise),
    st.builds("/jobs/v2/{}".format, ids),
    st.builds("/jobs/v2/{}/cancel".format, ids),
    st.builds("/configurations/{}".format, ids),
    st.builds("/messages/serviceBound/feedback/{}".format, noise),
    st.builds("/devices/{}/commands".format, ids),
    st.builds("/Devices%2F{}%2Fmessages%2FdeviceBound/".format, ids),
    st.builds("/digitaltwins/{}".format, ids),
    st.builds("/digitaltwins/{}/commands/{}".format, ids, noise),
    st.builds("/digitaltwins/{}/components/{}/commands/{}".format, ids, noise, noise),
    st.builds("/enrollments/{}".format, ids),
    st.builds("/enrollmentGroups/{}/attestationmechanism".format, ids),
    st.builds("/registrations/{}/query".format, ids),
    st.builds("/{}/registrations/{}".format, ids, ids),
    st.builds("/{}/registrations/{}/register".format, ids, ids),
    st.builds("/{}/registrations/{}/operations/{}".format, ids, ids, noise),
    st.builds("/device-uploads/{}".format, ids),
    st.builds("/twinkle/authorities/{}".format, ids),
    st.builds("/{}/{}".format, noise, noise),
).map(lambda path: quote(path, safe="/*%", errors="replace"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | noise
    | st.sampled_from(["\ud800", DEVICE, "a b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(noise, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = (
    "deviceId id status statusReason authentication capabilities importMode tags properties etag query methodName "
    "payload responseTimeoutInSeconds body group thumbprint authority certificate op path value "
    "moduleId managedBy jobId type queryCondition startTime content targetCondition priority metrics labels"
).split()
bodies = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=5)
texts = st.just("x") | values
known = st.just(DEVICE) | values
operation = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "replace", "remove"]),
        "path": st.sampled_from(["/a", "/a/b", "/a/$x"]) | values,
    },
    optional={"value": values},
)
mechanism = st.fixed_dictionaries(
    {"type": st.sampled_from(["symmetricKey", "x509", "tpm"]) | values},
    optional={
        "symmetricKey": values,
        "x509": st.dictionaries(
            st.sampled_from(["clientCertificates", "signingCertificates", "caReferences"]), values
        ),
    },
)
enrolment = st.fixed_dictionaries(
    {"attestation": mechanism | values},
    optional={
        "registrationId": known,
        "enrollmentGroupId": known,
        "deviceId": known,
        "initialTwin": st.fixed_dictionaries({"tags": values, "properties": values}),
        "reprovisionPolicy": values,
        "allocationPolicy": st.just("static") | values,
        "iotHubs": values,
    },
)
shapes = {
    "POST /twins/{}/methods": st.fixed_dictionaries({"methodName": texts}, optional={"payload": values}),
    "POST /devices/query": st.fixed_dictionaries({"query": st.just("SELECT * FROM devices") | values}),
    "PUT /enrollments/{}": enrolment,
    "PUT /enrollmentGroups/{}": enrolment,
    "POST /enrollments": st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["create", "update", "delete"]) | values,
            "enrollments": st.lists(enrolment, max_size=2),
        }
    ),
    "PUT /twinkle/authorities/{}": st.fixed_dictionaries({"certificate": values}),
    "POST /devices": st.lists(st.fixed_dictionaries({"id": known, "importMode": values}), max_size=3),
    "PUT /devices/{}": st.dictionaries(st.sampled_from(MEMBERS), values, max_size=3),
    "PATCH /digitaltwins/{}": st.lists(operation, max_size=3),
    "POST /digitaltwins/{}/commands/x": values,
    "PATCH /twins/{}": st.fixed_dictionaries(
        {"properties": st.fixed_dictionaries({"desired": values})}, optional={"tags": values}
    ),
    "PUT /twins/{}": st.fixed_dictionaries({"properties": values, "tags": values}),
    "POST /devices/{}/messages/devicebound": values,
    "PUT /devices/{}/modules/m": st.dictionaries(st.sampled_from(MEMBERS), values, max_size=3),
    "PATCH /twins/{}/modules/m": st.fixed_dictionaries({"tags": values}),
    "PUT /jobs/v2/{}": st.fixed_dictionaries(
        {
            "type": st.sampled_from(["scheduleUpdateTwin", "scheduleDeviceMethod"]),
            "queryCondition": st.just("*") | values,
        },
        optional={
            "updateTwin": st.fixed_dictionaries({}, optional={"tags": values, "etag": values}),
            "cloudToDeviceMethod": st.fixed_dictionaries({"methodName": texts}, optional={"payload": values}),
            "startTime": values | st.datetimes().map(str) | st.just("9999-12-31T23:59:59-12:00"),
            "maxExecutionTimeInSeconds": values,
        },
    ),
    "PUT /configurations/{}": st.fixed_dictionaries(
        {"targetCondition": st.just("*") | values},
        optional={
            "content": st.fixed_dictionaries(
                {
                    "deviceContent": st.dictionaries(
                        st.just("properties.desired.a") | noise, values, max_size=2
                    )
                }
            ),
            "priority": values,
            "labels": values,
            "metrics": st.fixed_dictionaries({"queries": values}),
        },
    ),
    "POST /configurations/testQueries": values,
    "GET /jobs/v2/query": st.none(),
    "DELETE /devices/{}/commands": st.none(),
    "POST /devices/{}/messages/events": values,
    "GET /devices/{}/messages/devicebound": st.none(),
    "DELETE /devices/{}/messages/devicebound/x": st.none(),
    "POST /devices/{}/files": st.fixed_dictionaries({"blobName": known}),
    "POST /devices/{}/files/notifications": st.fixed_dictionaries(
        {"isSuccess": st.booleans() | values}, optional={"correlationId": values}
    ),
    "GET /devices": st.none(),
    "GET /twins/{}": st.none(),
}


def shaped(shape):
    method, path = shape.split(" ")
    places = ids.map(lambda name: path.format(quote(name, safe="", errors="replace")))
    return st.tuples(st.just(method), places, shapes[shape].map(lambda body: json.dumps(body).encode()))


contents = st.one_of(
    (bodies | values | st.lists(bodies, max_size=3)).map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=30),
    st.sampled_from([b"[" * 100_000, b"9" * 5000, b"\xff\xfe", b"NaN", b'"\\ud800"', b"x" * (MAX_BODY + 1)]),
)
queries = st.dictionaries(
    st.sampled_from(["top", "responseTimeoutInSeconds", "deviceId", "jobType", "continuationToken", "x"]),
    noise,
    max_size=2,
).map(lambda fields: "".join(f"&{name}={quote(value, errors='replace')}" for name, value in fields.items()))
# RFC 9110, section 5.5: any byte but controls; a line's end would begin another header.
header = st.one_of(
    st.binary(max_size=12).map(lambda value: bytes(byte for byte in value if byte > 31 and byte != 127)),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12),
    st.sampled_from(
        ["²", "\xb2", "9" * 5000, '"*"', "gzip", "deflate", "100-continue", "W/", "text/plain; charset=x"]
    ),
)
headers = st.dictionaries(
    st.sampled_from(
        "Authorization If-Match x-ms-max-item-count x-ms-continuation Content-Type Content-Encoding Expect Host Cookie "
        "Accept-Encoding Range iothub-app-x iothub-messageid iothub-ack iothub-expiry".split()
    ),
    header,
    max_size=2,
)
methods = st.sampled_from("GET PUT POST POST PATCH PATCH DELETE HEAD OPTIONS TRACE FOO".split())
plain = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@plain
@example(("POST", f"/devices/{DEVICE}/messages/devicebound", b"1"), "", {"iothub-app-x": b"\xb2"})
@example(("GET", "/devices", b""), "", {"Expect": b"\xc1"})
@given(st.sampled_from(list(shapes)).flatmap(shaped) | st.tuples(methods, paths, contents), queries, headers)
def test_every_request_is_answered_and_none_with_a_failure_of_the_hubs(service, alarm, request, query, more):
    method, path, body = request
    more = {
        name: value if isinstance(value, bytes) else value.encode("utf-8", "replace")
        for name, value in more.items()
    }
    if "Expect" in more:
        body = b""  # the connection is of no further use while a body is owed
    try:
        status, content = service.ask(method, f"{path}?api-version=2021-04-12{query}", more, body)
    except (http.client.HTTPException, OSError):
        status, content = 0, b""  # closed on nonsense
    assert status < 500 or status == 501, content
    if status >= 400 and method != "HEAD" and status not in (400, 411, 414, 417, 431):
        assert b"message" in content.lower()
    alarm.silent()


@plain
@given(st.binary(max_size=80) | st.builds(b"GET / HTTP/1.1\r\n%b\r\n\r\n".__mod__, st.binary(max_size=80)))
@example(b"GET /devices/\xff HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
@example(b"A" * 70_000)
def test_bytes_that_are_no_request_are_refused_or_met_with_silence(service, alarm, data):
    answer = service.raw(data)
    assert not answer.startswith(b"HTTP/1.1 5") and not answer.startswith(b"HTTP/1.0 5"), answer
    alarm.silent()
