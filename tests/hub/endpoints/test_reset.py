"""A hub with a page is reset, and says what it had no room for."""

import contextlib
import errno
import socket

import pytest
import requests
from https_device import Device

from twinkle_host.hub.core.messages import notices
from twinkle_host.hub.doors import amqp, patience
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.server import Server
from twinkle_host.waiting import PATIENCE_S

ROOM = 10_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub"), page_port=0, plain_amqp_port=0, upload_bytes=ROOM) as live:
        yield live


def page(hub, method, path):
    answer = requests.request(
        *(method, f"{hub.info['pageUrl']}{path}"),
        headers={"Authorization": f"Bearer {hub.info['pageKey']}"},
        timeout=PATIENCE_S,
    )
    assert answer.ok, answer.text
    return answer.json()


def health(hub):
    return page(hub, "GET", "health")


def test_who_listens_goes_on_hearing_after_a_reset(hub):
    """The core is another one then; a test's hub is the same."""
    hub.add("before")
    assert hub.event("deviceLifecycleEvents")["deviceId"] == "before"
    for name in ("once", "twice"):
        page(hub, "POST", "reset")
        hub.add(name)
        assert hub.event("deviceLifecycleEvents")["deviceId"] == name
        assert hub.events.empty(), "once each"
        assert hub.info is hub.server.info


def test_its_ports_are_given_to_nobody_else_while_it_is_reset(tmp_path, monkeypatch):
    def forget(server):
        for port in ports:
            with socket.socket() as other, pytest.raises(OSError, match=f"Errno {errno.EADDRINUSE}"):
                other.bind(("127.0.0.1", port))
        asked.append(ports)

    asked = []
    with LiveHub(tmp_path, page_port=0, plain_amqp_port=0) as hub:
        ports = [hub.info[name] for name in ("mqttPort", "restPort", "amqpPort")] + [hub.server._plain_port]
        with monkeypatch.context() as patch:
            patch.setattr(Server, "_forget", forget)
            page(hub, "POST", "reset")
        found = [hub.info[name] for name in ("mqttPort", "restPort", "amqpPort")] + [hub.server._plain_port]
        assert asked == [found]


def test_what_there_was_no_room_for_is_counted_where_everybody_sees_it(hub, monkeypatch):
    """Each of the hub's counters of what was refused or dropped."""
    page(hub, "POST", "reset")
    counts = dict.fromkeys(
        ("eventsLost", "connectionsRefused", "filesRefused", "noticesDropped", "throttled"), 0
    )

    def counted(name, at_least=1):
        found = {key: health(hub)[key] for key in counts}
        assert found[name] >= counts[name] + at_least, found
        assert {**found, name: 0} == {**counts, name: 0}, "and nothing else"
        counts.update(found)

    device = Device(hub, "dev")
    _, url = device.begin()
    assert device.ask("PUT", url, b"x" * ROOM, **{"x-ms-blob-type": "BlockBlob"}).status_code == 413
    counted("filesRefused")

    hub.call("throttles.set", 1e-9)  # one of each, and no other in any time
    assert [device.call("GET", "messages/deviceBound").status_code for _ in range(2)] == [204, 429]
    hub.call("throttles.set", None)
    counted("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(notices, "MAX_WAITING", 0)
        hub.call("send", "dev", b"x", {"iothub-ack": "full"})
        hub.call("purge", "dev")
    counted("noticesDropped")

    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(patience, "MAX_WAITING", 1)
        patch.setattr(amqp, "MAX_CONNECTIONS", 0)
        for port in (hub.info["mqttPort"], hub.info["restPort"], hub.server._plain_port):
            first, _ = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
                for _ in range(2)
            ]
            with contextlib.suppress(ConnectionError):
                assert first.recv(1) == b""
    counted("connectionsRefused", 3)

    db = hub.server.events.events._db
    hub._in_its_thread(db, "execute", "PRAGMA query_only=1")
    assert device.call("POST", "messages/events", b"1").status_code == 500
    hub._in_its_thread(db, "execute", "PRAGMA query_only=0")
    counted("eventsLost")
