"""What is done at the ports of HTTPS and AMQP before there is any of either."""

import contextlib
import socket
import ssl

import pytest

from twinkle_host.hub.doors import patience, secure
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S

HELLOS = {
    "restPort": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 "),
    "amqpPort": (b"AMQP\3\1\0\0", b"AMQP\3\1\0\0"),
}


@pytest.fixture(params=HELLOS)
def port(request):
    """What hub.json calls it."""
    return request.param


def plain(hub, port):
    return socket.create_connection(("localhost", hub.info[port]), PATIENCE_S)


def lobby(hub, port):
    server = hub.server
    return server._https.lobby if port == "restPort" else server._amqp._tls.lobby


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\x16\x03\x01\x40\x00" + b"\x01" * 20_000, b""]
)
def test_what_is_no_tls_is_the_end_of_it(hub, port, alarm, said):
    with plain(hub, port) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(said)
        with contextlib.suppress(OSError):  # ENOTCONN: the hub has had enough already
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass
    alarm.silent()


def test_who_only_looks_whether_somebody_is_there_is_not_in_the_log(hub, port, caplog):
    """Every verb of ``twinkle`` does, before it asks the hub for anything."""
    caplog.set_level("INFO", "twinkle.hub")
    for said in (b"", b"\x16\x03\x01"):
        with plain(hub, port) as sock:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
    assert [line.partition(": ")[2] for line in caplog.messages] == [
        "TLS failed: it left during the handshake"
    ]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(hub, port):
    """azure-docs, iot-hub, "TLS support": 1.2 at least."""
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with plain(hub, port) as sock, pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        context.wrap_socket(sock, server_hostname="localhost")


def test_of_those_in_the_handshake_the_youngest_are_kept(hub, port, monkeypatch):
    """As at the MQTT port; an honest client is done in a moment."""
    monkeypatch.setattr(patience, "MAX_WAITING", 3)
    monkeypatch.setattr(secure, "HANDSHAKE_S", PATIENCE_S)  # nobody leaves because of the time
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(plain(hub, port)) for _ in range(5)]
        for dropped in silent[:2]:
            with contextlib.suppress(ConnectionError):
                assert dropped.recv(1) == b""
        assert len(lobby(hub, port)) == 3 and lobby(hub, port).refused == 2
        context = ssl.create_default_context(cafile=hub.info["caFile"])
        with plain(hub, port) as sock, context.wrap_socket(sock, server_hostname="localhost") as honest:
            question, answer = HELLOS[port]
            honest.sendall(question)
            assert honest.recv(len(answer)) == answer


def test_a_hub_stops_whoever_is_in_the_handshake(tmp_path, port, alarm):
    with LiveHub(tmp_path) as hub:
        sock = plain(hub, port)
        hub.pass_time(0)
        assert len(lobby(hub, port)) <= 1
    with sock, contextlib.suppress(ConnectionError):
        assert sock.recv(1) == b""
    alarm.silent()
