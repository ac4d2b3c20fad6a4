"""Whatever a person writes into a device's files, a start says in one line what is wrong, or begins."""

import binascii
import json
import sys

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from twinkle.core.errors import SetupError
from twinkle.runtime.boot import boot
from twinkle.runtime.runner import Runner

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
GOOD = f"HostName=localhost;DeviceId=d1;SharedAccessKey={KEY}"
BOARD = {"port": "mock_gpio.port", "app": "apps.environment", "sensor": {"model": "DHT22"}}
STRING = f"IdScope=0ne1;RegistrationId=r1;SharedAccessKey={KEY}"

scraps = st.text(max_size=5) | st.sampled_from(
    ["²", "\ud800", "a\nb", "\x00", "é", "", GOOD, STRING, "apps", "os", "twinkle.app"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | scraps,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(scraps, inner, max_size=2),
    max_leaves=5,
)


def but(good, *more):
    """``good`` with some members of other values."""
    names = [*good, *more]
    return st.dictionaries(st.sampled_from(names), values, max_size=3).map(lambda wrong: {**good, **wrong})


def content(good, *more):
    document = (but(good, *more) | values).map(lambda value: json.dumps(value).encode())
    return document | st.binary(max_size=20) | st.sampled_from([b"[" * 5000, b"{1: 2}", b"9" * 5000])


strings = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from("HostName DeviceId SharedAccessKey IdScope Port GatewayHostName x509".split()),
        scraps,
    ),
    max_size=6,
).map(";".join)
boards = content(BOARD, "keepAlive", "log", "information", "clockOffset", "watchdog", "led")
credentials = content({"connectionString": GOOD, "wifi": {"ssid": "s", "password": "p"}}) | strings.map(
    lambda text: json.dumps({"connectionString": text}).encode()
)
record = st.one_of(
    st.binary(max_size=30),
    (values | but({"ssid": "a", "password": "b"}) | but({"hub": "localhost", "deviceId": "d"}))
    .map(lambda value: json.dumps(value).encode())
    .map(lambda body: body + b"\n%08x" % binascii.crc32(body)),
    but({"configId": 1, "sendFrequency": "30s"})
    .map(lambda value: json.dumps(value).encode())
    .map(lambda body: body + b"\n%08x" % binascii.crc32(body)),
    st.just(b"[" * 3000).map(lambda body: body + b"\n%08x" % binascii.crc32(body)),
)
states = st.dictionaries(st.sampled_from(["wifi", "assigned", "config", "reboot"]), record, max_size=3)


def start(folder, board=None, credentials=None, roots=b"", records=()):
    """Start from these files; the runner, or the SetupError."""
    (folder / "state").mkdir(exist_ok=True)
    for file in folder.glob("state/*"):
        file.unlink()
    (folder / "board.json").write_bytes(board or json.dumps(BOARD).encode())
    (folder / "credentials.json").write_bytes(credentials or json.dumps({"connectionString": GOOD}).encode())
    (folder / "ca.pem").write_bytes(roots)
    for name, body in dict(records).items():
        (folder / "state" / f"{name}.json").write_bytes(body)
    try:
        runner = boot(str(folder))
    except SetupError as error:
        assert "\n" not in str(error) and KEY not in str(error)
        str(error).encode()
        return error
    assert isinstance(runner, Runner)
    return runner


def run_a_little(runner):
    """The first steps, in which what was read is used."""
    runner.device.on_time(1_700_000_000, 0)
    for now in range(0, 3000, 500):
        runner.device.step(now)
    return runner


plain = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@plain
@given(boards)
def test_any_board_file(tmp_path, board):
    start(tmp_path, board=board)


@plain
@given(credentials)
def test_any_credentials(tmp_path, credentials):
    start(tmp_path, credentials=credentials)


@plain
@given(st.binary(max_size=60) | st.just(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
@example(b"\xff")
def test_any_authorities(tmp_path, roots):
    assert isinstance(start(tmp_path, roots=roots), SetupError)


@plain
@given(states, st.booleans())
def test_any_records(tmp_path_factory, some_authority, states, provisioned):
    folder = tmp_path_factory.getbasetemp()
    told = json.dumps({"connectionString": STRING if provisioned else GOOD}).encode()
    runner = start(folder, credentials=told, roots=some_authority, records=states)
    assert isinstance(runner, Runner), runner
    run_a_little(runner)


def test_a_board_that_keeps_no_telemetry_on_its_disk_says_so_when_its_board_file_asks_for_that(
    tmp_path, some_authority, monkeypatch
):
    # The module is left out of what is flashed onto a board whose file does not ask for it.
    monkeypatch.setitem(sys.modules, "twinkle.core.backlog", None)
    board = json.dumps({**BOARD, "telemetry": {"disk": 4096}}).encode()
    error = start(tmp_path, board=board, roots=some_authority)
    assert (
        isinstance(error, SetupError)
        and "disk in board.json" in str(error)
        and "flash it again" in str(error)
    )
