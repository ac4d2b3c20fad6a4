"""From a bare board to a device that answers: real MicroPython, littlefs and mpremote on a pseudo-terminal."""

import hashlib
import json
import shutil
from queue import Queue

import pytest
from authority import Authority, in_der, turn_to_der
from lines import heard
from support import MPREMOTE, ROOT, run_micropython

from benchmark import redeploy
from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import SerialLine
from twinkle_host.failure import Failure
from twinkle_host.flash import image
from twinkle_host.flash.serial_link import SerialLink, ask_running
from twinkle_host.mock_gpio.process import PICO_MODULES
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S, eventually

WIFI_PASSWORD = "a secret of the house"
# A Pico W's heap while TLS takes its part of it, and the stand-ins for what a Pico W has in its firmware.
HONEST = "148k"
# What a Pico W has left besides TLS, 144 KB, and the stand-ins, for a device that is tried together with its console.
ROOMY = "166k"
# Bytes in use, connected and asked for its status, but for those of the stand-ins; the prompt alone has 14,000. Some
# hundreds are chance: what looks like a reference keeps a block. 120,600 to 121,030 were measured.
MOST_HEAP = 121_500
STAND_INS = """
import gc
gc.collect()
before = gc.mem_alloc()
import dht, machine, network, ntptime
gc.collect()
print(gc.mem_alloc() - before)
"""


def provision(command, board, hub, device_id, *options, text=None, authorities=None, **more):
    """Provision the board for a new device of the hub, or with this connection string."""
    text = f"{text or hub.add(device_id)};Port={hub.info['mqttPort']}"
    return command(
        *(
            "provision",
            "pico_w",
            "--port",
            board.port,
            "--ca-file",
            authorities or hub.info["caFile"],
            "--wifi",
            "home",
            "--json",
            *options,
        ),
        TWINKLE_DEVICE_CONNECTION_STRING=text,
        TWINKLE_WIFI_PASSWORD=WIFI_PASSWORD,
        **more,
    )


def test_a_bare_board_becomes_a_device_that_answers_on_its_console(command, hub, tmp_path, measured):
    with SerialBoard(tmp_path / "board", HONEST) as board:
        board.tell("sensor", {"temperature": 21.5, "humidity": 40})
        flashed = command("flash", "pico_w", "--port", board.port)
        assert flashed.status == 0 and "Next: twinkle provision" in flashed.out, flashed
        provisioned = provision(command, board, hub, "bench-1")
        assert provisioned.status == 0, provisioned
        facts = provisioned.document
        assert (
            facts["ready"] and facts["device"] == "bench-1" and facts["model"] == "dtmi:twinkle:Environment;1"
        )
        assert WIFI_PASSWORD not in repr(provisioned) and "SharedAccessKey" not in repr(provisioned)

        hub.call("patch_twin", "bench-1", {"properties": {"desired": {"configId": 3, "sendFrequency": "1s"}}})
        hub.until_reported("bench-1", configId=3, status="Success")
        event = hub.event("Telemetry", lambda event: event["deviceId"] == "bench-1")
        assert event["body"]["temp"] == 21.5

        status = command("console", "--port", board.port, "-c", "status", "--json").document
        assert status["ok"] and status["result"]["link"] == "ready" and status["result"]["configId"] == 3, (
            status
        )
        selftest = command("console", "--port", board.port, "-c", "selftest")
        assert selftest.status == 0 and "sensor: ok 21.5" in selftest.out and "TLS: ok" in selftest.out, (
            selftest
        )
        wrong = command("console", "--port", board.port, "-c", "led sideways")
        assert wrong.status == 4 and wrong.err.startswith("err 400"), wrong
        assert command("console", "--port", board.port, "-c", "nonsense").status == 3

        # Flashed while it runs: credentials and the configuration are still there afterwards.
        again = command("flash", "pico_w", "--port", board.port, "--json")
        assert again.status == 0 and again.document["ready"] and again.document["copied"] == [], again
        after = command("console", "--port", board.port, "-c", "status", "--json").document["result"]
        assert after["configId"] == 3
        stand_ins = int(run_micropython("-c", STAND_INS, first=[PICO_MODULES]).stdout)
        used = after["memory"] - stand_ins
        measured(f"heap in use on the flashed device, console and prompt included: {used} bytes")
        assert stand_ins > 10_000 and used < MOST_HEAP


def test_a_board_file_with_names_brings_what_they_need_compiled(command, hub, tmp_path, measured):
    settings = json.loads((ROOT / "boards" / "pico_w.json").read_text())
    settings.update(
        app="wired.py",
        outputs={"fan": {"pin": 6, "pwm": True}, "lamp": {"pin": 7, "active": "low"}},
        inputs={"door": {"pin": 20}},
        sensors={"attic": {"model": "DHT22", "pin": 12}, "board": {"model": "own"}},
    )
    (tmp_path / "shed.json").write_text(json.dumps(settings))
    shutil.copy(ROOT / "tests" / "device" / "twin_apps" / "wired.py", tmp_path)
    with SerialBoard(tmp_path / "board", ROOMY) as board:
        room = {
            "temperature": 21.5,
            "humidity": 40,
            "sensors": {"attic": {"temperature": 33.5, "humidity": 20}},
        }
        board.tell("sensor", room)
        flashed = command("flash", tmp_path / "shed.json", "--port", board.port)
        assert flashed.status == 0, flashed
        assert provision(command, board, hub, "bench-9").status == 0

        def ask(*words):
            return command("console", "--port", board.port, "-c", " ".join(words), "--json").document[
                "result"
            ]

        assert ask("outputs") == {"fan": 0.0, "lamp": 0.0}
        assert ask("outputs", "fan", "brightness", "0.5") == {"level": 0.0}
        assert ask("inputs") == {"door": False}
        measured_there = ask("sensors")
        assert measured_there["attic"] == {"temperature": 33.5, "humidity": 20.0}
        assert 0 < measured_there["board"]["temperature"] < 60
        board.tell("inputs", {"door": [True, False, True]})
        hub.event(
            "Telemetry", lambda event: event["deviceId"] == "bench-9" and event["body"] == {"door": True}
        )
        hub.until_reported("bench-9", door={"open": True, "opened": 1})
        assert ask("outputs")["lamp"] == 1.0
        hub.event(
            "Telemetry", lambda event: event["deviceId"] == "bench-9" and event["body"] == {"attic": 33.5}
        )
        status = ask("status")
        measured(f"heap in use with five named parts: {status['memory']} bytes, stand-ins included")


def test_a_second_flash_copies_nothing_and_a_changed_file_is_the_only_one_copied(command, board, tmp_path):
    first = command("flash", "pico_w", "--port", board.port, "--json").document
    assert len(first["copied"]) > 30 and first["copied"][-1] == "main.py" and first["release"] is None
    second = command("flash", "pico_w", "--port", board.port, "--json").document
    assert second["copied"] == [] and second["unchanged"] == len(first["copied"])
    app = tmp_path / "environment.py"
    app.write_text((ROOT / "firmware" / "apps" / "environment.py").read_text().replace("1.0.0", "1.0.1"))
    third = command("flash", "pico_w", "--port", board.port, "--app", app, "--json").document
    assert third["copied"] == ["apps/environment.mpy"]


def test_what_is_on_the_board_is_what_mpremote_sees(command, board):
    command("flash", "pico_w", "--port", board.port)
    listed = command("connect", board.port, "fs", "sha256sum", "twinkle/runtime/boot.mpy", program=MPREMOTE)
    files = image.build(json.loads((ROOT / "boards" / "pico_w.json").read_text()))
    assert hashlib.sha256(files["twinkle/runtime/boot.mpy"]).hexdigest() in listed.out, listed


def test_what_is_no_longer_part_of_it_is_removed_and_a_users_own_files_stay(command, board, tmp_path):
    command("flash", "pico_w", "--port", board.port)
    for path in ("twinkle/runtime/boot.py", "notes.txt", "lib/mine.py", "twinkle/old/part.mpy"):
        file = tmp_path / "file"
        file.write_text("raise SystemError('an old file was imported')")
        for depth in range(path.count("/")):
            command(
                "connect", board.port, "fs", "mkdir", "/".join(path.split("/")[: depth + 1]), program=MPREMOTE
            )
        assert command("connect", board.port, "fs", "cp", file, f":{path}", program=MPREMOTE).status == 0
    removed = command("flash", "pico_w", "--port", board.port, "--json").document["removed"]
    assert removed == ["twinkle/runtime/boot.py", "twinkle/old/part.mpy", "twinkle/old/"]
    listed = command("connect", board.port, "fs", "tree", program=MPREMOTE).out
    assert "notes.txt" in listed and "mine.py" in listed and "old" not in listed


def test_a_dry_run_at_the_prompt_shows_the_plan_and_changes_nothing(command, board):
    assert ask_running(board.port) is None
    starts = board.starts
    shown = command("flash", "pico_w", "--port", board.port, "--dry-run")
    assert shown.status == 0 and "copy    twinkle/core/device.mpy" in shown.out
    assert board.starts == starts and ask_running(board.port) is None
    assert "main.py" not in command("connect", board.port, "fs", "ls", program=MPREMOTE).out


@pytest.fixture(scope="module")
def traffic(command, tmp_path_factory):
    """How many bytes a whole flash sends to a board."""
    with SerialBoard(tmp_path_factory.mktemp("measured")) as board:
        command("flash", "pico_w", "--port", board.port)
        return board.received


@pytest.mark.parametrize("share", [0.02, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.99])
def test_a_flash_that_was_cut_is_repaired_by_the_next(command, board, traffic, share):
    board.unplug_after = int(share * traffic)
    cut = command("flash", "pico_w", "--port", board.port)
    assert cut.status == 6 and "run the same again" in cut.err and "Traceback" not in cut.err, cut
    board.plug_in()
    repaired = command("flash", "pico_w", "--port", board.port, "--json")
    assert repaired.status == 0, repaired
    assert command("flash", "pico_w", "--port", board.port, "--json").document["copied"] == []


def test_a_board_that_lost_power_while_it_was_flashed_runs_no_mixture(command, board):
    command("flash", "pico_w", "--port", board.port)
    command("connect", board.port, "fs", "touch", "hold", program=MPREMOTE)
    board.unplug()
    line = board.plug_in(lambda: SerialLine(board.port))
    assert "hold: no program" in heard(line, ">>> ")
    line.close()


def test_a_newer_release_is_not_replaced_unless_asked(command, board, tmp_path):
    command("flash", "pico_w", "--port", board.port)
    newer = tmp_path / "board.json"
    newer.write_text(json.dumps({"release": "99.1.0"}))
    command("connect", board.port, "fs", "cp", newer, ":board.json", program=MPREMOTE)
    refused = command("flash", "pico_w", "--port", board.port)
    assert refused.status == 4 and "99.1.0" in refused.err and "--downgrade" in refused.err
    assert command("flash", "pico_w", "--port", board.port, "--downgrade").status == 0


def test_a_micropython_that_is_too_old_is_refused(command, board, tmp_path):
    settings = json.loads((ROOT / "boards" / "pico_w.json").read_text())
    own = tmp_path / "mine.json"
    own.write_text(json.dumps({**settings, "micropython": "1.99"}))
    refused = command("flash", own, "--port", board.port)
    assert refused.status == 1 and "runs MicroPython 1.25.0; install 1.99 or newer" in refused.err


def test_an_edited_file_alone_is_copied_and_runs_again(command, home, hub, board, tmp_path, measured):
    command("flash", "pico_w", "--port", board.port)
    assert provision(command, board, hub, "bench-2").document["ready"]
    run, app = redeploy.Command(home), tmp_path / "environment.py"
    # How fast is a figure of tools/bench, which has the computer to itself.
    times = [redeploy.flash_edited(run, board, app, number) for number in range(3)]
    measured(f"edited file to ready on the hub: {min(times):.2f} s (best of {len(times)})")


def test_a_device_that_runs_is_held_by_its_console_verb_and_by_its_button(command, hub, board):
    command("flash", "pico_w", "--port", board.port)
    assert provision(command, board, hub, "bench-3").document["ready"]
    line = SerialLine(board.port)
    line.write(b"hold\r")
    assert "ok" in heard(line, "\nhold: no program until the next restart")
    line.write(b"import machine; machine.reset()\r")
    heard(line, "ready: bench-3")
    board.tell("inputs", {"22": 0})
    line.write(b"reboot\r")
    assert "hold pin is connected to ground" in heard(line, ">>> ")
    line.close()


# It can be imported, and leaves nothing for the device.
GREEDY = """
from twinkle import App

class Greedy(App):
    @property
    def desired_handlers(self):
        raise MemoryError("an application that takes it all")

    @desired_handlers.setter
    def desired_handlers(self, value):
        pass

app = Greedy()
"""


@pytest.fixture
def failing(command, hub, board, tmp_path):
    """A function that makes the board one whose program fails before its watchdog runs, and powers it up again.

    It answers the line, on which all is heard that it says.
    """

    def make(device_id, **changes):
        command("flash", "pico_w", "--port", board.port)
        assert provision(command, board, hub, device_id).document["ready"]
        line = SerialLine(board.port)
        line.write(b"hold\r")
        heard(line, "hold: no program until the next restart")
        line.close()
        main = (ROOT / "firmware" / "main.py").read_text()
        for old, new in changes.items():
            assert old in main
            main = main.replace(old, new)
        (tmp_path / "main.py").write_text(main)
        (tmp_path / "environment.py").write_text(GREEDY)
        for name, place in (("environment.py", "apps/environment.py"), ("main.py", "main.py")):
            done = command("connect", board.port, "fs", "cp", tmp_path / name, ":" + place, program=MPREMOTE)
            assert done.status == 0, done
        command("connect", board.port, "fs", "rm", "apps/environment.mpy", program=MPREMOTE)
        board.unplug()
        return board.plug_in(lambda: SerialLine(board.port))

    return make


def test_a_program_that_fails_before_its_watchdog_runs_starts_again_and_ends_in_safe_mode(failing):
    line = failing("bench-5", **{"RESTART_S = 60": "RESTART_S = 1"})
    said = heard(line, "ready: bench-5")
    assert said.count("failed: MemoryError: an application that takes it all") == 3 and "safe mode" in said
    assert said.count("restart in 1 s; Ctrl-C for the prompt") == 3
    line.close()


def test_a_prompt_is_found_while_a_program_that_has_failed_waits_to_start_again(command, failing, board):
    line = failing("bench-6")
    heard(line, "restart in 60 s; Ctrl-C for the prompt")
    line.close()
    assert command("flash", "pico_w", "--port", board.port).status == 0


def test_somebody_elses_program_that_runs_is_interrupted(command, board, tmp_path):
    (tmp_path / "main.py").write_text("while True: pass\n")
    command("connect", board.port, "fs", "cp", tmp_path / "main.py", ":main.py", program=MPREMOTE)
    board.unplug()
    board.plug_in()
    assert command("flash", "pico_w", "--port", board.port).status == 0


def test_a_board_that_does_not_answer_is_described(board):
    assert ask_running(board.port) is None  # what it says when it starts has been heard
    board.hang()
    with pytest.raises(Failure) as silent:
        SerialLink(board.port, patience=1).__enter__()
    text = str(silent.value)
    assert silent.value.exit_code == 6 and "tried: Ctrl-C" in text and "heard: nothing" in text
    assert "BOOTSEL" in text and "\n" not in text and "keeps to its prompt" not in text


def test_a_port_that_is_not_there_in_time_or_taken_is_said(command, board):
    missing = command("flash", "pico_w", "--port", "/dev/ttyNOWHERE")
    assert missing.status == 3 and "is the board plugged in" in missing.err and missing.err.count("\n") == 2
    line = SerialLine(board.port)
    taken = command("flash", "pico_w", "--port", board.port)
    assert "another program uses it" in taken.err, taken
    line.close()


def test_a_stalled_terminal_does_not_stall_the_device(command, hub, board):
    command("flash", "pico_w", "--port", board.port)
    assert provision(command, board, hub, "bench-4").document["ready"]
    line = SerialLine(board.port)
    board.stalled = True
    for _ in range(30):
        line.write(b"help\r")
        outcome = Queue()
        hub.call("invoke", "bench-4", "turnon", None, done=outcome.put)
        assert outcome.get(timeout=PATIENCE_S).status == 200
    board.stalled = False
    # Of what was typed meanwhile the last line may have come in half, and what follows on it is refused.
    found = eventually(lambda: Dialogue(line).ask("status").document.get("result"))
    assert found["link"] == "ready" and found["linesLost"] > 0
    line.close()


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_board_is_given_a_certificate_with_its_chain(command, hub, board, tmp_path, form):
    device = f"certified-{form}"
    root = Authority("root")
    folder = Authority("between", root).issue(tmp_path / "own", device)
    hub.call("authorities.add", device, root.pem)
    hub.call("create_device", device, {"authentication": {"type": "certificateAuthority"}})
    with open(hub.info["caFile"], "rb") as file:
        pem = file.read()
    authorities = tmp_path / "authorities"
    authorities.write_bytes(pem + Authority().pem.encode())
    if form == "DER":
        authorities.write_bytes(in_der(authorities.read_bytes()))
        turn_to_der(folder)
    command("flash", "pico_w", "--port", board.port)
    text = hub.call("connection_string", device)
    done = provision(command, board, hub, device, "--x509", folder, text=text, authorities=authorities)
    assert done.document["ready"], done
