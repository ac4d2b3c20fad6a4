"""Nothing that comes from a device's side of the line does more than end its connection.

The endpoint's own connections run, over a transport that is simulated and, last, over TLS.
"""

import contextlib
import datetime
import json
import os
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import crypto
from packets import field, packet
from simulated import DEVICE, EVENTS, World
from wire import hello, open_tls

from twinkle_host.hub import mqtt
from twinkle_host.hub.doors.secure import BadCertificate, SecureTransport
from twinkle_host.hub.faults.rules import FAULTS, FaultError, load
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import eventually

LATE_S = 0.2


def text(size=12):
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=size)


topics = st.one_of(
    text(),
    st.builds("{}{}".format, st.just(EVENTS), text()),
    st.builds(
        "$iothub/twin/{}/?$rid={}".format, st.sampled_from(["GET", "PATCH/properties/reported"]), text()
    ),
    st.builds("$iothub/methods/res/{}/?$rid={}".format, st.integers(-1, 999), text()),
)
payloads = st.binary(max_size=30) | st.sampled_from([b'{"a":1}', b"[" * 3000, b'{"a":1e999}', b"x" * 300_000])
packets = st.one_of(
    st.builds(
        lambda qos, flags, topic, payload: packet(
            0x30 | qos << 1 | flags, field(topic) + (b"\x00\x07" if qos else b"") + payload
        ),
        st.integers(0, 3),
        st.sampled_from([0, 1, 8, 9]),
        topics,
        payloads,
    ),
    st.builds(
        lambda name, qos: packet(0x82, b"\x00\x01" + field(name) + bytes((qos,))), topics, st.integers(0, 3)
    ),
    st.builds(lambda name: packet(0xA2, b"\x00\x02" + field(name)), topics),
    st.sampled_from(
        [packet(0x40, b"\x00\x01"), packet(0xC0), packet(0xE0), packet(0x20, b"\x00\x00"), packet(0x10)]
    ),
    st.binary(min_size=1, max_size=20),
)


@st.composite
def mutated(draw, streams):
    """A few bytes replaced, left out or put in."""
    data = bytearray(draw(streams))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@st.composite
def sliced(draw, data):
    """Any pieces of it."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


quiet = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@quiet
@given(st.data(), st.lists(packets, max_size=6).map(b"".join))
def test_any_packets_in_any_slices_after_a_good_connect(alarm, data, said):
    world = World()
    said = data.draw(mutated(st.just(world.connect() + said)))
    world.serve(data.draw(sliced(said)), [world.connect(), packet(0xE0)])
    alarm.silent()


@quiet
@given(st.data(), st.binary(max_size=60))
def test_any_bytes_at_all(alarm, data, said):
    World().serve(data.draw(sliced(said)))
    alarm.silent()


@quiet
@given(
    st.integers(0, 255),
    st.builds("{}/{}/?{}".format, text() | st.just("localhost"), text() | st.just(DEVICE), text())
    | st.builds("{}/registrations/{}/api-version=2019-03-31".format, text(), text()),
    st.builds(lambda topic, payload: field(topic) + field(payload), topics, st.binary(max_size=20)),
)
def test_any_connect(alarm, flags, username, will):
    world = World()
    said = world.connect(flags, username, will if flags & 4 else b"")
    world.serve([said, packet(0x30, field(EVENTS) + b"x")])
    alarm.silent()


def test_a_device_that_leaves_in_the_breath_in_which_it_came_has_left_in_good_order():
    world, events = World(), []
    world.hub.listen(events.append)
    will = field(EVENTS) + field("gone")
    world.serve([world.connect(0xC6, will=will) + packet(0x30, field(EVENTS) + b"hello") + packet(0xE0)])
    assert [event["body"] for event in events if event["source"] == "Telemetry"] == ["hello"]


def test_what_is_late_by_a_fault_is_not_sent_to_who_has_left(tmp_path, alarm):
    with LiveHub(tmp_path) as hub:
        hub.add(DEVICE)
        hub.misbehave({"fault": "late", "seconds": LATE_S}, {"fault": "stall", "seconds": LATE_S / 2})
        asks = packet(0x82, b"\x00\x01" + field("$iothub/twin/res/#") + b"\x00")
        asks += packet(0x30, field("$iothub/twin/GET/?$rid=1"))
        with open_tls(hub) as sock:
            # In one piece, of which the hub has all before the stall is over.
            sock.sendall(hello(hub, DEVICE) + asks + packet(0xE0))
            assert sock.recv(100) == mqtt.connack(0)
            assert sock.recv(1) == b""  # the hub has closed; what is late comes later
        hub.pass_time(LATE_S)
    alarm.silent()


def dial(hub):
    """A device that is connected, over TLS."""
    sock = open_tls(hub)
    sock.sendall(hello(hub, DEVICE))
    return sock


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        live.add(DEVICE)
        yield live


@settings(quiet, max_examples=settings().max_examples // 4)
@given(st.lists(packets, max_size=4).map(b"".join), st.booleans(), st.booleans())
def test_the_same_over_tls(hub, alarm, said, known, rude):
    sock = dial(hub) if known else open_tls(hub)
    with sock, contextlib.suppress(OSError):  # the hub may have closed
        sock.sendall(said)
        if rude:
            os.write(sock.fileno(), b"no TLS at all")
    alarm.silent()


@settings(quiet, max_examples=settings().max_examples // 4)
@given(st.binary(min_size=1, max_size=80))
def test_bytes_that_are_no_tls(hub, alarm, said):
    with socket.create_connection(("127.0.0.1", hub.info["mqttPort"])) as plain:
        plain.sendall(said)
    alarm.silent()


def test_after_all_that_nobody_waits_and_the_hub_serves(hub, alarm):
    eventually(lambda: not hub.server._endpoint.lobby)
    with dial(hub) as sock:
        assert sock.recv(4) == mqtt.connack(0, False)
    alarm.silent()


def _issue():
    key = ec.generate_private_key(ec.SECP256R1())
    kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME)
    name = x509.Name(
        [x509.NameAttribute(kind, text) for kind, text in zip(kinds, ("dev1", "é", "DE"), strict=True)]
    )
    day = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, day, day + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


CERTIFICATE = _issue()


class Shown:
    """What OpenSSL has of a handshake in which ``certificate`` was shown."""

    def __init__(self, certificate):
        self.certificate = certificate

    def get_peer_certificate(self, as_cryptography):
        return self.certificate.to_cryptography()

    def get_peer_cert_chain(self, as_cryptography):
        return [self.certificate.to_cryptography()]


@pytest.mark.filterwarnings("ignore:Attribute's length")
@settings(quiet)
@given(st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=3))
def test_any_certificate_that_openssl_lets_pass(changes):
    data = bytearray(CERTIFICATE.public_bytes(serialization.Encoding.DER))
    for at, value in changes:
        data[at] = value
    try:
        shown = crypto.load_certificate(crypto.FILETYPE_ASN1, bytes(data))
    except crypto.Error:
        return  # it does not
    transport = SecureTransport.__new__(SecureTransport)
    transport._tls = Shown(shown)
    pem = CERTIFICATE.public_bytes(serialization.Encoding.PEM).decode()
    try:
        found = transport.certificate({"factory": pem})
    except BadCertificate:
        return
    assert len(found.thumbprints) == 2 and (found.common_name is None or isinstance(found.common_name, str))


numbers = st.integers(-2, 10**13) | st.floats() | st.integers(-(10**400), 10**400)
anything = st.none() | st.booleans() | numbers | text(3) | st.lists(st.integers(), max_size=1)
rules = st.fixed_dictionaries(
    {"fault": st.sampled_from(list(FAULTS)) | anything},
    optional={
        **dict.fromkeys(("share", "from", "until", "times"), numbers | anything),
        **dict.fromkeys(("code", "bytes", "seconds", "status"), numbers),
        "device": st.sampled_from(["*", "dev[", "[!]", DEVICE]) | anything,
    },
)


@quiet
@given(st.fixed_dictionaries({"rules": st.lists(rules, max_size=3)}, optional={"seed": anything}) | anything)
def test_rules_of_faults_are_refused_or_can_be_followed(alarm, document):
    try:
        faults = load(json.dumps(document), lambda: 0.0)
    except FaultError:
        return
    world = World(faults)
    twin = packet(0x82, b"\x00\x01" + field("$iothub/twin/res/#") + b"\x00")
    twin += packet(0x30, field("$iothub/twin/GET/?$rid=1")) + packet(0x32, field(EVENTS) + b"\x00\x07x")
    world.serve([world.connect(), twin, packet(0xE0)])
    alarm.silent()


@given(st.text(max_size=30) | st.sampled_from(["[" * 5000, '{"rules":' + "9" * 5000 + "}"]))
def test_a_file_of_rules_that_is_none_is_refused(content):
    try:
        load(content, lambda: 0.0)
    except FaultError as error:
        assert "\n" not in str(error)
