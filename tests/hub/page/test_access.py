"""Who gets into the page, and what a browser is allowed once it is in."""

import http.client
import json
import re
import socket
import subprocess
from importlib.resources import files

import pytest
from support import TWINKLE

from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.page import boards, stream
from twinkle_host.hub.page.access import MOST, Access
from twinkle_host.hub.server import ServerError
from twinkle_host.waiting import PATIENCE_S
from twinkle_host.workbench import notes
from twinkle_host.workbench.control import NAME, by_its_folder


class Answer:
    """What a server answered."""

    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)


@pytest.fixture
def ask(hub):
    """Ask the page's server as any program on this computer can."""

    def ask(method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", hub.server.page.access.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), named)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    return ask


@pytest.fixture
def cookie(hub):
    access = hub.server.page.access
    return f"{access.cookie_name}={access.cookie}"


EVERYTHING = [
    "/",
    "/app.js",
    "/style.css",
    "/vendor/uPlot.iife.min.js",
    "/api/devices",
    "/api/stream",
    "/nothing",
]


@pytest.mark.parametrize("path", EVERYTHING)
def test_without_the_token_there_is_nothing(ask, path):
    for headers in ({}, {"Cookie": "twinkle=1"}, {"Authorization": "Bearer wrong"}):
        answer = ask("GET", path, **headers)
        assert answer.status == 401 and "twinkle hub prints" in answer.text
    assert ask("GET", "/?token=wrong").status == 401


def test_the_token_is_good_once_and_becomes_a_cookie_that_scripts_cannot_read(hub, ask):
    address = hub.server.page.ticket()
    path = address.removeprefix(hub.info["pageUrl"].rstrip("/"))
    first = ask("GET", path)
    assert first.status == 200
    words = {word.strip() for word in first.headers["Set-Cookie"].split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= words
    assert first.headers["Cache-Control"] == "no-store"
    assert ask("GET", path).status == 401
    name = first.headers["Set-Cookie"].partition(";")[0]
    assert ask("GET", "/", Cookie=name).status == 200
    assert ask("GET", path, Cookie=name).status == 200, "who is in already may use the old address"


def test_the_cookie_is_no_key_and_outlives_the_hub(hub, ask, cookie):
    assert hub.info["pageKey"] not in cookie
    assert ask("GET", "/api/devices", Cookie=cookie).status == 200
    hub.stop()
    hub.start()
    assert ask("GET", "/api/devices", Cookie=cookie).status == 200
    assert ask("GET", "/api/devices", Authorization=f"Bearer {hub.info['pageKey']}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Host": "example.com:80"},
        {"Host": "twinkle.example"},
        {},  # no browser sends a POST without saying where from; nor does a program without the key
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_another_sites_page_cannot_post(hub, ask, cookie, headers):
    before = hub.call("statistics")
    answer = ask("POST", "/api/devices", {"deviceId": "foreign"}, Cookie=cookie, **headers)
    assert answer.status == 403
    assert hub.call("statistics") == before


def test_this_page_can_post(hub, ask, cookie):
    origin = hub.info["pageUrl"].rstrip("/")
    made = ask("POST", "/api/devices", {"deviceId": "ours"}, Cookie=cookie, Origin=origin)
    assert made.status == 201 and made.json()["id"] == "ours"
    again = ask("POST", "/api/devices", {"deviceId": "ours"}, Cookie=cookie, Origin=origin)
    assert (again.status, again.json()["error"]["name"]) == (409, "DeviceAlreadyExists")


def test_another_sites_page_reads_nothing_either(ask, cookie):
    answer = ask("GET", "/api/devices", Cookie=cookie, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_nothing_but_its_own_files_may_run_in_it(ask, cookie):
    policy = ask("GET", "/", Cookie=cookie).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


OUTSIDE = ["/../site.py", "/%2e%2e/site.py", "/vendor/../../api.py", "/views//x.js", "/.hidden.js"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_only_the_pages_files_are_served(ask, cookie, path):
    assert ask("GET", path, Cookie=cookie).status == 404


def test_health_tells_anybody_here_that_it_is_ready_and_counts_and_no_more(ask):
    told = ask("GET", "/health").json()
    assert told["ready"] is True and told["version"]
    assert {"totalDeviceCount", "connectedDeviceCount"} <= set(told["devices"])
    assert ask("GET", "/health", Host="example.com").status == 403


def test_a_browser_that_there_is_no_room_for_is_refused_and_counted(hub, ask, cookie, monkeypatch):
    monkeypatch.setattr(stream, "MOST_VIEWERS", 0)
    before = ask("GET", "/health").json()["viewersRefused"]
    for path in ("/api/stream", "/api/boards/desk/stream"):
        refused = ask("GET", path, Cookie=cookie)
        assert refused.status == 503 and "0 pages are open already" in refused.json()["error"]["message"]
    assert ask("GET", "/health").json()["viewersRefused"] == before + 2


def test_a_board_that_does_not_answer_is_given_up_and_that_is_said(hub, ask, cookie, tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "ANSWER_S", 0.1)
    origin = hub.info["pageUrl"].rstrip("/")
    with socket.socket(socket.AF_UNIX) as bench, by_its_folder(tmp_path / NAME) as path:
        bench.bind(path)
        bench.listen()
        note = notes.leave(hub.settings.state, "mute", tmp_path)
        refused = ask("POST", "/api/boards/mute", {"do": "day"}, Cookie=cookie, Origin=origin)
        note.unlink()
    assert (refused.status, refused.json()["error"]["name"]) == (504, "GatewayTimeout")


def test_no_more_than_a_few_tokens_are_good_at_a_time():
    access = Access("key")
    tokens = [access.token() for _ in range(MOST + 2)]
    assert [access.redeem(token) for token in tokens].count(True) == MOST
    assert not access.redeem(tokens[-1])


def test_the_hub_prints_the_address_and_says_it_in_json(tmp_path):
    free = [
        "--port",
        "0",
        "--rest-port",
        "0",
        "--amqp-port",
        "0",
        "--page-port",
        "0",
        "--state",
        str(tmp_path),
    ]
    process = subprocess.Popen([TWINKLE, "hub", "--json", *free], stdout=subprocess.PIPE, text=True)
    try:
        info = json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S{20,}", info["pageAddress"])
    assert info["pageAddress"].startswith(info["pageUrl"])
    kept = json.loads((tmp_path / "hub.json").read_text())
    assert kept["pageKey"] == info["pageKey"] and "pageAddress" not in kept
    assert (tmp_path / "page.key").stat().st_mode & 0o077 == 0


def test_no_file_of_the_page_asks_another_site():
    static = files("twinkle_host.hub.page") / "static"
    for file in static.rglob("*"):
        if file.is_file() and file.parent.name != "vendor":
            found = re.findall(r"https?://[^\s\"')]+", file.read_text())
            assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name


def test_another_browser_gets_an_address_of_its_own(hub, ask):
    done = subprocess.run(
        [TWINKLE, "page", "--state", str(hub.settings.state)], capture_output=True, text=True, check=True
    )
    address = done.stdout.strip()
    assert ask("GET", address.removeprefix(hub.info["pageUrl"].rstrip("/"))).status == 200
    nowhere = subprocess.run(
        [TWINKLE, "page", "--state", "/nowhere"], capture_output=True, text=True, check=False
    )
    assert nowhere.returncode == 3 and "twinkle hub" in nowhere.stderr


def test_a_port_that_is_taken_is_another_one_or_an_error_that_names_the_option(hub, tmp_path):
    taken = hub.server.page.access.port
    with LiveHub(tmp_path / "other", page_port=taken, page_anywhere=True) as other:
        assert other.server.page.access.port not in (taken, 0)
    with pytest.raises(ServerError, match="--page-port"):
        LiveHub(tmp_path / "third", page_port=taken).start()


def test_a_hub_may_have_no_page(tmp_path):
    with LiveHub(tmp_path) as hub:
        assert hub.server.page is None and "pageUrl" not in hub.info
    answer = subprocess.run(
        [TWINKLE, "page", "--state", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 3 and "--no-page" in answer.stderr
    refused = subprocess.run(
        [TWINKLE, "hub", "--no-page", "--open"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2 and "--no-page" in refused.stderr
