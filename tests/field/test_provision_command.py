"""``twinkle provision``: what is secret is asked for and not shown, and the device lives by what it was given."""

import json
import stat
from types import SimpleNamespace

import pytest
from lines import Overheard
from screen import Screen
from support import MPREMOTE

from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import SerialLine
from twinkle_host.device_certificate import make_certificate
from twinkle_host.failure import Failure
from twinkle_host.flash import serial_link

PASSWORD = "a secret of the house"


def test_it_asks_without_an_echo_and_prints_a_label_without_a_secret(command, board, hub, home):
    command("flash", "pico_w", "--port", board.port)
    text = f"{hub.add('asked')};Port={hub.info['mqttPort']}"
    arguments = (
        "provision",
        "pico_w",
        "--port",
        board.port,
        "--wifi",
        "home",
        "--ca-file",
        hub.info["caFile"],
    )
    with Screen({"XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}, *arguments) as screen:
        screen.wait_for("connection string:")
        screen.type(text + "\n")
        screen.wait_for("Password of the network home.*:")
        screen.type(PASSWORD + "\n")
        shown = screen.read_to_the_end()
    assert "| device   asked" in shown and "| model    dtmi:twinkle:Environment;1" in shown
    assert f"| console  twinkle console --port {board.port}" in shown
    for secret in (PASSWORD, text.partition("SharedAccessKey=")[2][:20]):
        assert secret not in shown and secret.encode() not in screen.said


def test_without_a_terminal_it_says_which_variable_to_set(command, board):
    done = command("provision", "pico_w", "--port", board.port)
    assert done.status == 2 and "TWINKLE_DEVICE_CONNECTION_STRING" in done.err and done.err.count("\n") == 1


def test_a_certificate_in_the_place_of_a_key(command, board, hub, tmp_path):
    command("flash", "pico_w", "--port", board.port)
    thumbprint = make_certificate(tmp_path / "own", "certified")
    proof = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": thumbprint}}
    hub.call("create_device", "certified", {"authentication": proof})
    text = f"{hub.call('connection_string', 'certified')};Port={hub.info['mqttPort']}"
    done = command(
        *("provision", "pico_w", "--port", board.port, "--wifi", "home", "--ca-file", hub.info["caFile"]),
        *("--x509", tmp_path / "own", "--json"),
        TWINKLE_DEVICE_CONNECTION_STRING=text,
        TWINKLE_WIFI_PASSWORD=PASSWORD,
    )
    assert done.status == 0 and done.document["ready"], done


def test_a_registration_is_put_together_from_its_parts(command, tmp_path):
    """For Azure's provisioning service, onto a card."""
    (tmp_path / "etc").mkdir()
    done = command(
        *(
            "provision",
            "raspberry_pi",
            "--root",
            tmp_path,
            "--id-scope",
            "0ne1",
            "--registration-id",
            "shed-7",
        ),
        TWINKLE_DEVICE_KEY="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    )
    assert done.status == 0 and "Next: twinkle flash" in done.out, done
    file = tmp_path / "etc/twinkle/credentials.json"
    given = json.loads(file.read_text())["connectionString"]
    assert given.startswith("IdScope=0ne1;RegistrationId=shed-7;SharedAccessKey=AAEC")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


ASSIGNMENT = "twinkle/core/provisioning.mpy"


def registration(hub, name):
    """How the local hub assigns itself to a device."""
    key = hub.enrol(name)
    scope, port = hub.info["idScope"], hub.info["mqttPort"]
    return f"HostName=localhost;IdScope={scope};RegistrationId={name};SharedAccessKey={key};Port={port}"


def is_on(board, path, command):
    return command("connect", board.port, "fs", "sha256sum", path, program=MPREMOTE).status == 0


def test_a_board_is_given_what_asks_for_a_hub_together_with_the_credentials_that_say_so(command, board, hub):
    def provision(text):
        done = command(
            *("provision", "pico_w", "--port", board.port, "--wifi", "home", "--ca-file", hub.info["caFile"]),
            "--json",
            TWINKLE_DEVICE_CONNECTION_STRING=text,
            TWINKLE_WIFI_PASSWORD=PASSWORD,
        )
        assert done.status == 0 and done.document["ready"], done

    def flash():
        done = command("flash", "pico_w", "--port", board.port, "--json")
        assert done.status == 0, done
        return done.document

    assert ASSIGNMENT not in flash()["copied"]
    provision(registration(hub, "asks"))
    again = flash()
    assert again["copied"] == again["removed"] == []
    provision(f"{hub.add('knows')};Port={hub.info['mqttPort']}")
    assert flash()["removed"] == [ASSIGNMENT]


def test_a_board_whose_files_are_not_of_this_release_is_not_given_one_that_is(command, board, hub, tmp_path):
    command("flash", "pico_w", "--port", board.port, "--no-wait")
    (tmp_path / "link.mpy").write_bytes(b"M of another release")
    command(
        "connect", board.port, "fs", "cp", tmp_path / "link.mpy", ":twinkle/core/link.mpy", program=MPREMOTE
    )
    done = command(
        *("provision", "pico_w", "--port", board.port, "--wifi", "home", "--ca-file", hub.info["caFile"]),
        TWINKLE_DEVICE_CONNECTION_STRING=registration(hub, "early"),
        TWINKLE_WIFI_PASSWORD=PASSWORD,
    )
    assert done.status == 4 and "twinkle flash pico_w first" in done.err, done
    assert not is_on(board, "credentials.json", command)


def test_credentials_that_came_before_the_files_bring_what_asks_for_a_hub(command, board, hub):
    command(
        *("provision", "pico_w", "--port", board.port, "--wifi", "home", "--ca-file", hub.info["caFile"]),
        "--no-wait",
        TWINKLE_DEVICE_CONNECTION_STRING=registration(hub, "first"),
        TWINKLE_WIFI_PASSWORD=PASSWORD,
    )
    assert not is_on(board, ASSIGNMENT, command)
    done = command("flash", "pico_w", "--port", board.port, "--json")
    assert done.document["ready"] and ASSIGNMENT in done.document["copied"], done


def test_a_network_set_on_the_console_is_kept_until_a_factory_reset(command, board, hub):
    command("flash", "pico_w", "--port", board.port)
    done = command(
        *("provision", "pico_w", "--port", board.port, "--wifi", "home", "--ca-file", hub.info["caFile"]),
        TWINKLE_DEVICE_CONNECTION_STRING=f"{hub.add('mover')};Port={hub.info['mqttPort']}",
        TWINKLE_WIFI_PASSWORD=PASSWORD,
    )
    assert done.status == 0, done
    line = Overheard(SerialLine(board.port))

    def ask(question):
        return Dialogue(line).ask(question)

    assert ask('wifi set "elsewhere" "another secret"').ok
    assert ask("reboot").ok
    line.heard("reset: reboot requested")
    assert "joining elsewhere" in line.heard("ready: mover")
    assert ask("factory-reset").exit_code == 4 and ask("factory-reset mover").ok
    line.heard("reset: asked for on the console")
    told = line.heard("ready: mover")
    assert "joining home" in told and "another secret" not in told
    assert ask("hold").ok
    line.heard(">>> ")
    line.close()
    kept = command("connect", board.port, "fs", "ls", "state", program=MPREMOTE)
    assert kept.status == 0 and "wifi" not in kept.out, kept


def test_a_named_port_of_a_board_that_is_starting_is_waited_for(monkeypatch, tmp_path, capsys):
    port, looks = tmp_path / "tty", []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            port.touch()

    monkeypatch.setattr(serial_link.time, "sleep", sleep)
    assert serial_link.find_port(str(port)) == str(port)
    assert len(looks) == 3 and capsys.readouterr().err == (
        f"twinkle: {port} is not there; waiting up to 10 s for a board that is starting\n"
    )
    assert serial_link.find_port("socket://localhost:1234") == "socket://localhost:1234" and len(looks) == 3


def test_the_one_board_that_is_plugged_in_is_found(monkeypatch):
    def plugged(*vendors):
        ports = [SimpleNamespace(vid=vendor, device=f"/dev/ttyACM{n}") for n, vendor in enumerate(vendors)]
        monkeypatch.setattr(serial_link.serial.tools.list_ports, "comports", lambda: ports)

    plugged(None, 0x2E8A, 0x0403)
    assert serial_link.find_port(None) == "/dev/ttyACM1"
    plugged(0x0403)
    with pytest.raises(Failure, match="no board is plugged in"):
        serial_link.find_port(None)
    plugged(0x2E8A, 0x2E8A)
    with pytest.raises(Failure, match=r"2 boards \(/dev/ttyACM0, /dev/ttyACM1\); name one with --port"):
        serial_link.find_port(None)
