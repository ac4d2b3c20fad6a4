"""Exit statuses: one table, and each verb's ways to fail held against it, for people and for scripts."""

import json
import re

import click
import pytest
from support import ROOT
from urllib3.util.retry import Retry

from twinkle_host import cli
from twinkle_host.console.dialogue import Answer
from twinkle_host.failure import (
    EXIT_STATUSES,
    FAILED,
    NOT_FOUND,
    NOT_ONLINE,
    REFUSED,
    STATUSES,
    UNREACHABLE,
    USAGE,
    of_refusal,
)
from twinkle_host.hub.live import LiveHub
from twinkle_host.known_hubs import remember
from twinkle_host.service import finding

STALE = "AAAAAAAAAAk="
SERVICE = "HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey="

# What each verb refuses, or is refused: {hub}, {file}, {folder} and {wrong} are filled in by the tests.
ON_HUB = [
    ("devices add known", REFUSED, "registered already"),
    ("devices add x --certificate {file}", USAGE, "no PEM"),
    ("devices add no^id", REFUSED, "400"),
    ("devices connection-string nobody", NOT_FOUND, "nobody"),
    ("devices remove nobody", NOT_FOUND, "nobody"),
    ("devices list --service {wrong}", REFUSED, "401"),
    ("enrolments add enrolled", REFUSED, "exists"),
    ("enrolments add line --group --authority nobody", NOT_FOUND, "register it first"),
    ("enrolments add line --group --gateway x", USAGE, "a group has none"),
    ("enrolments remove nobody", NOT_FOUND, "no enrolment"),
    ("enrolments list --service {wrong}", REFUSED, "401"),
    ("devices list --service {wrong} --ca-file {file}", USAGE, "no PEM certificate"),
    ("devices list --service {unreadable}", USAGE, "not base64"),
    ("authorities add factory {ca}", REFUSED, "remove it first"),
    ("authorities add mill {file}", USAGE, "no PEM"),
    ("authorities remove nobody", NOT_FOUND, "nobody"),
    ("authorities list --service {wrong}", REFUSED, "401"),
    ("twin get nobody", NOT_FOUND, "nobody"),
    ("twin get throttled", REFUSED, "429"),
    ("twin get broken", UNREACHABLE, "500 again and again"),
    (f"twin patch known {{}} --etag {STALE}", REFUSED, "412"),
    ("twin patch known oops", USAGE, "is not JSON"),
    ("digital-twin get nobody", NOT_FOUND, "nobody"),
    (f"digital-twin patch known [] --etag {STALE}", REFUSED, "412"),
    ("digital-twin command known blink", NOT_ONLINE, "404103"),
    ("method known blink", NOT_ONLINE, "404103"),
    ("method nobody blink", NOT_FOUND, "nobody"),
    ("send nobody hello", NOT_FOUND, "nobody"),
    ("send full hello", REFUSED, "50 messages wait"),
    ("send known hello --ack full --wait 0.1", NOT_ONLINE, "no feedback within"),
    ("query oops", REFUSED, "400"),
    ("monitor --group nobody", NOT_FOUND, "no consumer group"),
    ("monitor --since yesterday", USAGE, "none of now"),
    ("monitor --only telemetry --events oops", USAGE, "connection string"),
    ("run off", REFUSED, "is disabled"),
    ("run --connection-string HostName=localhost;DeviceId=x;x509=true", USAGE, "--x509"),
    ("run x --board pico_w", USAGE, "--mock"),
    ("run x --board {file}", USAGE, "board file"),
    ("run x --board toaster", NOT_FOUND, "no board toaster"),
]
ALONE = [
    ("hub --faults {file}", USAGE, "JSON"),
    ("hub --port 0 --rest-port 0 --amqp-port {taken} --state {folder}", FAILED, "taken by another program"),
    ("board --nonsense", USAGE, "--nonsense"),
    ("boards check toaster", NOT_FOUND, "no board toaster"),
    ("boards check {file}", FAILED, "problem"),
    ("boards list --nonsense", USAGE, "--nonsense"),
    ("new taken", FAILED, "exists already"),
    ("new 1-2", USAGE, "no name"),
    ("dev nowhere.py", USAGE, "nowhere.py"),
    ("flash toaster", NOT_FOUND, "no board toaster"),
    ("flash pico_w --uf2 {file} --drive {folder}", USAGE, "not a UF2 image"),
    ("flash raspberry_pi --root {folder}", USAGE, "no etc"),
    ("provision pico_w --port x", USAGE, "has no DeviceId"),
    ("console --device nobody -c status", NOT_FOUND, "no console"),
    ("console --port /dev/nowhere -c status", NOT_FOUND, "cannot be opened"),
    ("board --nonsense", USAGE, "--nonsense"),
    ("page --state {folder}", NOT_FOUND, "no local hub is known here"),
    ("doctor --nonsense", USAGE, "--nonsense"),
]
NOT_OF_A_HUB = {
    "hub",
    "board",
    "boards",
    "new",
    "dev",
    "flash",
    "provision",
    "console",
    "doctor",
    "run",
    "page",
}


def verbs():
    for name, command in cli.twinkle.commands.items():
        inner = getattr(command, "commands", None)
        yield from (f"{name} {sub}" for sub in inner) if inner else (name,)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("refusing-hub")) as live:
        for device in ("known", "full", "throttled", "broken"):
            live.call("create_device", device, {})
        live.call("create_device", "off", {"status": "disabled"})
        for _ in range(50):
            live.call("send", "full", b"x")
        live.enrol("enrolled")
        live.misbehave(
            {"fault": "http", "device": "throttled", "status": 429},
            {"fault": "http", "device": "broken", "status": 500},
        )
        yield live


@pytest.fixture
def twinkle(hub, monkeypatch, tmp_path, capsys):
    """Run the command in this process, for people or for scripts; its exit status and why."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TWINKLE_DEVICE_CONNECTION_STRING", "HostName=x")
    monkeypatch.setattr(finding, "START_S", 0.1)
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)  # azure-iot-hub asks again by itself, after pauses
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("{oops")
    places = {
        "{file}": tmp_path / "file",
        "{folder}": tmp_path,
        "{ca}": hub.info["caFile"],
        "{taken}": hub.info["amqpPort"],
        "{unreadable}": re.sub(
            "SharedAccessKey=.*", "SharedAccessKey=!!!", hub.info["serviceConnectionString"]
        ),
        "{wrong}": re.sub("SharedAccessKey=.*", "SharedAccessKey=AAAA", hub.info["serviceConnectionString"]),
    }

    def run(line, *more):
        words = [*(str(places.get(word, word)) for word in line.split(" ")), *more]
        monkeypatch.setattr("sys.argv", ["twinkle", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err.strip().splitlines()

    return run


def failed(twinkle, line, status, words, *more):
    """It ends so, for people in a line, and for scripts in JSON."""
    code, said = twinkle(line, *more)
    assert (code, words in said[-1]) == (status, True), (code, said)
    code, said = twinkle(line, *more, "--json")
    told = json.loads(said[-1])
    assert (code, told["status"], words in told["error"]) == (status, status, True), (code, said)
    assert all(isinstance(json.loads(text), dict) for text in said), said


@pytest.mark.parametrize(("line", "status", "words"), ON_HUB)
def test_a_verb_that_the_hub_refuses_ends_with_the_tables_status(hub, twinkle, line, status, words):
    if line.startswith("authorities add factory"):
        twinkle(line, "--state", str(hub.settings.state))
    by_string = "--service" in line
    place = [] if by_string else ["--state", str(hub.settings.state)]
    if line.startswith("run"):
        # It takes the hub that runs; its --state is the device's.
        remember(hub.settings.state)
        place = []
    if by_string and "--ca-file" not in line:
        place = ["--ca-file", hub.info["caFile"]]
    failed(twinkle, line, status, words, *place)


@pytest.mark.parametrize(
    "line", ["devices list", "enrolments list", "authorities list", "monitor --only telemetry"]
)
def test_a_string_that_is_given_is_the_one_that_counts_though_the_hub_is_known_here(hub, twinkle, line):
    """Whose key is wrong has no way in: what else this computer knows of the hub is not put in its place."""
    remember(hub.settings.state)
    failed(twinkle, f"{line} --service {{wrong}}", REFUSED, "")
    if not line.startswith("enrolments"):
        failed(twinkle, line, REFUSED, "", "--service", hub.info["provisioningConnectionString"])


@pytest.mark.parametrize(("line", "status", "words"), ALONE)
def test_a_verb_that_asks_no_hub_ends_with_the_tables_status(twinkle, line, status, words):
    failed(twinkle, line, status, words)


def test_every_verb_has_been_tried():
    tried = [line for line, _, _ in (*ON_HUB, *ALONE)]
    assert [verb for verb in verbs() if not any(f"{line} ".startswith(f"{verb} ") for line in tried)] == []


SAMPLES = {
    "devices list": "",
    "enrolments list": "",
    "authorities list": "",
    "authorities add": "x {ca}",
    "twin patch": "x {}",
    "digital-twin patch": "x []",
    "digital-twin command": "x y",
    "method": "x y",
    "send": "x y",
    "monitor": "",
}
OF_A_HUB = [verb for verb in verbs() if verb.split()[0] not in NOT_OF_A_HUB]


@pytest.mark.parametrize("verb", OF_A_HUB)
def test_a_verb_of_a_hub_tells_the_users_mistake_from_no_hub_and_from_one_that_is_away(
    twinkle, tmp_path, hub, verb
):
    line = f"{verb} {SAMPLES.get(verb, 'x')}".strip()
    for text in ("nonsense", "HostName=x", "HostName=x;SharedAccessKeyName=y", " "):
        failed(twinkle, line, USAGE, "service connection string", "--service", text)
    failed(twinkle, line, NOT_FOUND, "twinkle hub")
    failed(twinkle, line, NOT_FOUND, "not the state of a local hub", "--state", str(tmp_path))
    away = tmp_path / "away"
    away.mkdir()
    info = {**hub.info, "serviceConnectionString": f"{SERVICE}AAAA".replace("localhost", "localhost:9")}
    info["eventHubConnectionString"] = info["eventHubConnectionString"].replace(
        f":{hub.info['amqpPort']}", ":9"
    )
    (away / "hub.json").write_text(json.dumps(info))
    failed(twinkle, line, UNREACHABLE, "localhost:9", "--state", str(away))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, REFUSED),
        (401, REFUSED),
        (403, REFUSED),
        (404, NOT_FOUND),
        (409, REFUSED),
        (412, REFUSED),
        (413, REFUSED),
        (429, REFUSED),
        (500, UNREACHABLE),
        (501, REFUSED),
        (503, UNREACHABLE),
        (504, NOT_ONLINE),
    ],
)
def test_a_refusal_by_the_hub_and_one_by_a_device_end_alike(status, code):
    assert of_refusal(status) == code
    by_device = {500: FAILED, 503: NOT_ONLINE}.get(status, code)
    assert Answer({"ok": False, "code": status, "error": "x"}).exit_code == by_device


def test_ctrl_c_is_json_too_for_who_asked_for_it(twinkle, monkeypatch):
    def interrupted(**_):
        raise click.Abort

    monkeypatch.setattr(cli.twinkle, "main", interrupted)
    code, said = twinkle("doctor --json")
    assert (code, json.loads(said[-1])) == (FAILED, {"error": "ended by you", "status": FAILED})


@pytest.mark.parametrize("page", ["README.md", "docs/azure-sdks.md"])
def test_pages_say_what_the_table_says(page):
    text = " ".join((ROOT / page).read_text().split())
    assert EXIT_STATUSES.removeprefix("Exit status: ").removesuffix(".") in text
    assert list(STATUSES) == list(range(len(STATUSES)))
