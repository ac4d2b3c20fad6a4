"""The real device process, on both interpreters, against a peer that does everything wrong."""

import queue
import ssl

import pytest
from newer_umqtt import install
from scripted import Authority, ScriptedServer, hear, publish, stay
from support import PRIVATE, ROOT, need

from twinkle_host.mock_gpio.process import PICO_MODULES, DeviceProcess
from twinkle_host.waiting import PATIENCE_S

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
QUICK = {"app": "twin_apps.reporter"}


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def certificate(authority, tmp_path_factory):
    return authority.issue(tmp_path_factory.mktemp("certificates"), "localhost", "127.0.0.1")


WITH_SSL = "micropython with ssl"  # as the firmware of a Pico W


@pytest.fixture(params=["cpython", "micropython"])
def device(request, tmp_path, authority):
    """Makes device processes; stops them at the end."""
    made = []
    frozen = tmp_path / "frozen"
    if request.param == WITH_SSL:
        frozen.mkdir()
        (frozen / "ssl.py").symlink_to(PICO_MODULES / "ssl.py")

    def make(port, dial="localhost", ca=authority.pem, **options):
        text = f"HostName=localhost;DeviceId=d1;SharedAccessKey={KEY};GatewayHostName={dial};Port={port}"
        process = DeviceProcess(
            *(request.param.partition(" ")[0], tmp_path / "device", text, ca),
            before=[frozen],
            apps=[ROOT / "tests" / "device"],
            **options,
        ).start()
        made.append(process)
        return process

    yield make
    for process in made:
        process.stop()


every_build = pytest.mark.parametrize("device", ["cpython", "micropython", WITH_SSL], indirect=True)


def ready(peer):
    peer.welcome()
    peer.answer_twin()


def test_the_device_connects_and_leaves_in_good_order(device, certificate):
    farewell = queue.Queue()

    def script(peer):
        ready(peer)
        peer.expect(14)
        farewell.put("DISCONNECT")

    with ScriptedServer(certificate, [script]) as server:
        process = device(server.port)
        process.wait_for(" ready")
        assert process.stop() == 0, "\n".join(process.log)
        assert farewell.get(timeout=PATIENCE_S) == "DISCONNECT"


def test_tls_1_2_will_do(device, certificate):
    def script(peer):
        ready(peer)
        assert peer.sock.version() == "TLSv1.2"
        stay(peer)

    with ScriptedServer(certificate, [script], newest=ssl.TLSVersion.TLSv1_2) as server:
        device(server.port).wait_for(" ready")


def test_an_address_may_be_dialled_if_the_certificate_carries_it(device, certificate):
    with ScriptedServer(certificate, [lambda peer: (ready(peer), stay(peer))]) as server:
        device(server.port, dial="127.0.0.1").wait_for(" ready")


@every_build
def test_a_certificate_of_another_authority_is_refused(device, certificate):
    with ScriptedServer(certificate, [stay]) as server:
        line = device(server.port, ca=Authority().pem).wait_for("link lost")
    assert "not signed by a certificate authority this device trusts" in line
    assert "--ca-file" in line


@every_build
def test_a_certificate_for_another_name_is_refused(device, authority, tmp_path):
    certificate = authority.issue(tmp_path, "other.example")
    with ScriptedServer(certificate, [stay]) as server:
        line = device(server.port).wait_for("link lost")
    assert "certificate is not for localhost" in line
    assert "--host-name" in line


@pytest.mark.parametrize(("begins", "ends"), [(-20, -10), (10, 20)], ids=["expired", "not yet valid"])
def test_a_certificate_that_is_not_good_by_this_clock_is_a_clock_problem(
    device, authority, tmp_path, begins, ends
):
    certificate = authority.issue(tmp_path, "localhost", begins=begins, ends=ends)
    with ScriptedServer(certificate, [stay]) as server:
        line = device(server.port).wait_for("link lost")
    assert "not valid at this device's time" in line and "set the clock" in line


def test_a_port_that_nobody_listens_on(device):
    line = device(1).wait_for("link lost")
    assert "localhost:1 cannot be reached" in line and "is the hub running?" in line


@pytest.mark.parametrize(
    ("code", "words"), [(5, "refused the credentials"), (4, "could not read"), (3, "not available")]
)
def test_a_refusal_says_what_to_check(device, certificate, code, words):
    def script(peer):
        peer.expect(1)
        peer.say(bytes([0x20, 2, 0, code]))

    with ScriptedServer(certificate, [script]) as server:
        line = device(server.port).wait_for("link lost")
    assert words in line and f"CONNACK {code}" in line


@pytest.mark.parametrize("cut", [1, 2, 4, 20, 60])
def test_a_hub_that_closes_in_the_middle_of_a_packet(device, certificate, cut):
    packet = publish("$iothub/twin/PATCH/properties/desired/?$version=2", b'{"a":1,"$version":2}')
    heard = queue.Queue()

    def breaks(peer):
        ready(peer)
        peer.settle()
        peer.say(packet[:cut])

    def goes_on(peer):
        ready(peer)
        peer.overhear(heard)

    with ScriptedServer(certificate, [breaks, goes_on]) as server:
        process = device(server.port)
        process.wait_for(" ready")
        assert "middle of an exchange" in process.wait_for("link lost")
        process.wait_for(" ready")
        assert b"middle" in hear(heard, b"lastError")


def test_a_message_that_is_too_large_is_skipped_and_told_and_the_link_stays(device, certificate):
    heard = queue.Queue()

    def script(peer):
        ready(peer)
        peer.publish("$iothub/twin/PATCH/properties/desired/?$version=2", b'{"a":"' + b"x" * 70000 + b'"}')
        peer.publish("$iothub/methods/POST/nothing/?$rid=7", b"null")
        peer.overhear(heard)

    with ScriptedServer(certificate, [script]) as server:
        process = device(server.port, board=QUICK)
        process.wait_for("too large")
        assert hear(heard, b"methods/res/404")
        assert server.served == 0, "the connection was kept"


def test_an_absurd_length_ends_the_connection(device, certificate):
    def script(peer):
        ready(peer)
        peer.say(b"\x30\xff\xff\xff\x7f\x00\x05hello")
        stay(peer)

    with ScriptedServer(certificate, [script]) as server:
        assert "was announced" in device(server.port).wait_for("link lost")


def test_a_stray_acknowledgement_does_no_harm(device, certificate):
    heard = queue.Queue()

    def script(peer):
        ready(peer)
        peer.say(b"\x40\x02\x00\x63")
        peer.say(b"\x90\x03\x00\x63\x01")
        peer.publish("$iothub/methods/POST/nothing/?$rid=7", b"null")
        peer.overhear(heard)

    with ScriptedServer(certificate, [script]) as server:
        device(server.port, board=QUICK).wait_for(" ready")
        assert hear(heard, b"methods/res/404")


def test_binary_noise_instead_of_mqtt(device, certificate):
    def script(peer):
        peer.expect(1)
        peer.say(bytes(range(256)))

    with ScriptedServer(certificate, [script, lambda peer: (ready(peer), stay(peer))]) as server:
        process = device(server.port)
        assert "broke the protocol" in process.wait_for("link lost")
        process.wait_for(" ready")


def test_a_hub_that_refuses_a_subscription(device, certificate):
    def script(peer):
        peer.expect(1)
        peer.say(b"\x20\x02\x00\x00")
        body = peer.expect(8)
        peer.say(b"\x90\x03" + body[:2] + b"\x80")
        stay(peer)

    with ScriptedServer(certificate, [script]) as server:
        device(server.port).wait_for("link lost")


def test_the_newer_form_of_umqtt_simple_will_do(device, certificate, tmp_path):
    """Against a stand-in with the newer releases' outside; see newer_umqtt.py."""
    heard = queue.Queue()

    def script(peer):
        ready(peer)
        peer.publish("$iothub/methods/POST/nothing/?$rid=7", b"null")
        peer.overhear(heard)

    newer = install(tmp_path / "newer", need(PRIVATE / "lib" / "umqtt" / "simple.py"))
    with ScriptedServer(certificate, [script]) as server:
        device(server.port, umqtt=newer, board=QUICK).wait_for(" ready")
        assert hear(heard, b"methods/res/404")
