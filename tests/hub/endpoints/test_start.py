"""A start that fails, at whichever step, leaves nothing behind: the same hub starts the next time."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import sqlite3
from dataclasses import replace
from unittest.mock import Mock

import pytest
import requests

from twinkle_host.hub import command, server
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.page.site import Site
from twinkle_host.hub.server import ServerError
from twinkle_host.hub.settings import Settings
from twinkle_host.hub.store import SqliteStore
from twinkle_host.hub.ticker import Ticker
from twinkle_host.waiting import PATIENCE_S, eventually

# A free one for each door.
PORTS = dict.fromkeys(("port", "rest_port", "amqp_port", "plain_amqp_port", "page_port"), 0)
FULL = OSError(errno.ENOSPC, "No space left on device")
FULL_DATABASE = sqlite3.OperationalError("database or disk is full")
LINE = '{"seed": 1, "rules": [{"fault": "dribble"}]}'

# What a start does, in its order, and what the step can raise.
STEPS = [
    (server, "SqliteStore", FULL_DATABASE),
    (server, "EventLog", FULL_DATABASE),
    (server.Certificates, "prepare", FULL),
    (server.Certificates, "context", FULL),
    (server, "Hub", FULL_DATABASE),
    (server, "Provisioning", FULL_DATABASE),
    (server, "BlobStore", FULL),
    (server.web.AppRunner, "setup", FULL),
    (server.Endpoint, "start", OSError(errno.EADDRINUSE, "Address already in use")),
    (server.BadLine, "start", OSError(errno.EADDRINUSE, "Address already in use")),
    (server.TlsPort, "start", OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")),
    (server.AmqpEndpoint, "start", OSError(errno.EMFILE, "Too many open files")),
    (server.AmqpEndpoint, "start_plain", OSError(errno.EACCES, "Permission denied")),
    (Ticker, "touch", FULL_DATABASE),
    (SqliteStore, "copy_to", FULL_DATABASE),
    (server, "load_models", server.ModelError("no model")),
    (server, "Site", FULL),
    (Site, "start", OSError(errno.EACCES, "Permission denied")),
    (server, "write_private", FULL),
]


def open_files():
    return len(os.listdir("/dev/fd"))


def starts(live):
    with live:
        live.add("dev")
        live.call("delete_device", "dev")


@pytest.mark.parametrize(("where", "name", "error"), STEPS, ids=[f"{name}" for _, name, _ in STEPS])
def test_a_start_that_fails_leaves_nothing_open(tmp_path, monkeypatch, where, name, error):
    def fails(*_, **__):
        raise error

    before = open_files()
    live = LiveHub(tmp_path, **PORTS, faults=LINE)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fails)
        with pytest.raises((ServerError, OSError, sqlite3.Error)):
            live.start()
    eventually(lambda: open_files() <= before)  # fewer where what was there before is closed meanwhile
    live.stop()  # as a fixture's end does, whatever became of its beginning
    starts(LiveHub(tmp_path, **PORTS))


def test_a_reset_that_fails_ends_the_hub_and_says_why(tmp_path, monkeypatch):
    """A hub without ports would be of no use to anybody, and its page would say for ever that it is being reset."""

    def fails(*_):
        raise FULL

    monkeypatch.setattr(command, "remember", lambda state: None)
    monkeypatch.setattr(command, "gc", Mock())  # this process is not the hub's alone
    settings = Settings(tmp_path, **PORTS)

    async def story():
        serving = asyncio.create_task(command._serve(settings, True, False))
        await asyncio.to_thread(eventually, (tmp_path / "hub.json").exists)
        info = json.loads((tmp_path / "hub.json").read_text())
        monkeypatch.setattr(server.SqliteStore, "load_all", fails)
        headers = {"Authorization": f"Bearer {info['pageKey']}"}
        await asyncio.to_thread(_post, f"{info['pageUrl']}reset", headers)
        await asyncio.wait_for(serving, PATIENCE_S)

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(story())
    monkeypatch.undo()
    starts(LiveHub(tmp_path, **PORTS))


def _post(address, headers):
    with contextlib.suppress(requests.RequestException):
        assert requests.post(address, headers=headers, timeout=PATIENCE_S).status_code == 500


def test_a_start_that_fails_can_be_repeated_with_the_same_object(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        live = LiveHub(tmp_path, page_port=other.getsockname()[1])
        with pytest.raises(ServerError, match="--page-port"):
            live.start()
    live.settings = replace(live.settings, page_port=0)
    starts(live)


@pytest.mark.parametrize("file", ["ca.pem", "ca.key", "server.pem"])
def test_a_certificate_that_is_none_is_named_with_its_remedy(tmp_path, file):
    starts(LiveHub(tmp_path))
    if file != "server.pem":
        (tmp_path / "ca" / "server.pem").unlink()  # which the authority is needed for
    (tmp_path / "ca" / file).write_text("no certificate")
    with pytest.raises(
        ServerError, match=rf"the certificates in {tmp_path / 'ca'} cannot be used .*move that"
    ):
        LiveHub(tmp_path).start()
    (tmp_path / "ca").rename(tmp_path / "old")
    starts(LiveHub(tmp_path))
