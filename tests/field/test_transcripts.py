"""Sessions on the console, as a person would read them: see ``transcripts/``."""

import json
import re
from pathlib import Path
from queue import Queue

import pytest

from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import SerialLine, SocketLine
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S, eventually

TRANSCRIPTS = Path(__file__).parent / "transcripts"
LOG = re.compile(r"\d+\.\d{3} (debug|info|warning|error) ")
END = re.compile(r'ok$|err \d+ |\{"ok"|\{.*"ok": ')
BOARDS = ("pico_w", "raspberry_pi")
VERBS = "help status read led config wifi methods call log selftest hold reboot factory-reset version".split()
NOISE = {
    "binary noise": bytes(range(128, 256)) + bytes(range(14, 32)),
    "a line of 10 KB": b"x" * 10_000,
    "Ctrl-C": b"\x03",
    "half a line": None,
}


class Technician:
    """Somebody at the console of a running device: ``line`` to it, its ``id`` on the hub."""

    def __init__(self, line, device_id):
        self.line, self.id = line, device_id
        self._rest = b""

    def type(self, text):
        """The lines of the answer."""
        self.line.write(text.encode() + b"\r")
        lines = []

        def answered():
            self._rest += self.line.read()
            *whole, self._rest = self._rest.split(b"\r\n")  # a character may come in two pieces
            lines.extend(line for line in map(bytes.decode, whole) if not LOG.match(line))
            return lines and END.match(lines[-1])

        eventually(answered, told=lambda: f"{text}: {lines}")
        return lines


@pytest.fixture(scope="module", params=BOARDS)
def technician(request, hub, command, tmp_path_factory):
    """The same device on both boards, each on its own kind of console."""
    folder = tmp_path_factory.mktemp("t")
    board, device_id = request.param, request.param.replace("_", "-")
    text = f"{hub.add(device_id)};Port={hub.info['mqttPort']}"
    room = {"temperature": 21.5, "humidity": 40}
    if board == "pico_w":
        with SerialBoard(folder) as pico:
            pico.tell("sensor", room)
            command("flash", "pico_w", "--port", pico.port)
            done = command(
                *(
                    "provision",
                    "pico_w",
                    "--port",
                    pico.port,
                    "--ca-file",
                    hub.info["caFile"],
                    "--wifi",
                    "home",
                ),
                TWINKLE_DEVICE_CONNECTION_STRING=text,
                TWINKLE_WIFI_PASSWORD="a secret of the house",
            )
            assert done.status == 0, done
            yield Technician(SerialLine(pico.port), device_id)
        return
    ca = Path(hub.info["caFile"]).read_bytes()
    device = DeviceProcess("cpython", folder, text, ca, {"port": "mock_gpio.raspberry"}, base="raspberry_pi")
    (folder / "sensor.json").write_text(json.dumps(room))
    with device:
        device.wait_for(" ready")
        yield Technician(SocketLine(device.socket), device_id)


def exchanges(file):
    """``(what is typed, what is answered)`` of a transcript."""
    text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("#"))
    for part in text.split("\n> ")[1:]:
        typed, *answered = part.rstrip().splitlines()
        yield typed, answered


def same(said, written):
    """Whether a line is what the transcript says; a dict's order is not a promise."""
    if written.startswith("{"):
        return json.loads(said) == json.loads(written)
    # A Pico's numbers have 24 bits.
    said = re.sub(r"\d+\.\d{4,}", lambda number: str(round(float(number[0]), 3)), said)
    said = re.sub(r"\b40\.0\b", "40", said)
    pattern = ".*".join(map(re.escape, written.split("…")))
    return re.fullmatch(pattern, said) or (written == "DNS: ok" and said.startswith(written))


def follow(technician, file):
    """Type what the transcript says, and compare."""
    eventually(lambda: "link: ready" in technician.type("status"))
    for typed, answered in exchanges(file):
        said = technician.type(typed)
        assert len(said) == len(answered), (typed, said)
        for found, written in zip(said, answered, strict=True):
            assert same(found, written), (typed, found, written)


@pytest.mark.parametrize("file", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda file: file.stem)
def test_a_session_goes_as_written(technician, file):
    follow(technician, file)


def test_a_session_about_what_only_this_board_does_goes_as_written(technician):
    files = list((TRANSCRIPTS / technician.id.replace("-", "_")).glob("*.txt"))
    assert files
    for file in files:
        follow(technician, file)


def test_the_list_of_verbs_is_the_one_that_help_gives(technician):
    lines = technician.type("help")[:-1]
    assert sorted(line.split()[1] for line in lines) == sorted(VERBS)


@pytest.mark.parametrize("noise", NOISE)
def test_every_verb_under_hostile_input_leaves_the_device_working(technician, hub, noise):
    before = uptime(technician)
    for verb in VERBS:
        if NOISE[noise] is None:
            technician.line.write(verb.encode()[:-1])  # and then silence, until somebody else comes
        else:
            technician.line.write(verb.encode() + b" " + NOISE[noise] + b"\r")
        assert Dialogue(technician.line).ask("version").ok, verb
    assert uptime(technician) >= before, "it has restarted"
    outcome = hub.call("get_device", technician.id)
    assert outcome["connectionState"] == "Connected"


def uptime(technician):
    return Dialogue(technician.line).ask("status").document["result"]["uptime"]


def test_no_answer_holds_a_secret(technician, hub):
    key = hub.call("connection_string", technician.id).partition("SharedAccessKey=")[2].partition(";")[0]
    for verb in (
        "help",
        "status",
        "config",
        "methods",
        "log",
        "selftest",
        "version",
        "log debug",
        "wifi scan",
    ):
        said = "\n".join(technician.type(verb))
        assert key not in said and "SharedAccessSignature" not in said and "secret of the house" not in said
    technician.type("log info")


def test_a_line_of_the_cloud_and_a_line_of_the_technician_cross(technician, hub):
    for number in range(5):
        outcome = Queue()
        hub.call("invoke", technician.id, "blink", 1 + number, done=outcome.put)
        assert technician.type("read")[-1] == "ok"
        assert outcome.get(timeout=PATIENCE_S).status == 200
    assert technician.type("call turnoff")[-1] == "ok"
