"""Installing over ssh: a real OpenSSH server, the service's own preparation with real packages."""

import os
import stat
import subprocess

import pytest
from small_computer import READY, SmallComputer
from support import ROOT

from twinkle_host.waiting import PATIENCE_S

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CONNECTION = f"HostName=contoso.azure-devices.net;DeviceId=shed-7;SharedAccessKey={KEY}"


@pytest.fixture(scope="module")
def shed(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.fail("a mount namespace is made by root alone; run sudo ./tools/test", pytrace=False)
    with SmallComputer(tmp_path_factory.mktemp("shed")) as computer:
        yield computer


def test_installed_provisioned_prepared_upgraded_and_uninstalled(command, shed, tmp_path):
    where = ("raspberry_pi", "--ssh", "shed", "--ssh-config", shed.config)
    flashed = command("flash", *where)
    assert flashed.status == 0 and "Next: twinkle provision" in flashed.out, flashed
    assert (shed.opt / "twinkle/firmware/main.py").is_file() and shed.asked == []

    given = command("provision", *where, limit=5 * PATIENCE_S, TWINKLE_DEVICE_CONNECTION_STRING=CONNECTION)
    assert given.status == 0 and KEY not in repr(given) and "ready: shed-7" in given.out, given
    assert "prepare: importing what the device imports" in given.out and "from before" not in given.out
    prepare, service = "twinkle-prepare.service", "twinkle.service"
    started = ["daemon-reload", f"stop {prepare}", f"stop {service}", f"start {prepare}"]
    assert shed.asked == [*started, f"--no-block start {service}"]
    credentials = (shed.etc / "twinkle/credentials.json").stat()
    assert stat.S_IMODE(credentials.st_mode) == 0o600 and credentials.st_uid != 0
    owner = shed.run("stat", "-c", "%U:%G", "/etc/twinkle/credentials.json").stdout.strip()
    assert owner == "twinkle:twinkle" and "gpio" in shed.run("id", "-nG", "twinkle").stdout.split()

    # The packages are there; what is missing is the board.
    program = "/opt/twinkle/venv/bin/python -B /opt/twinkle/firmware/main.py /etc/twinkle /tmp/none"
    started = shed.run("cd", "/tmp;", *program.split())
    assert started.returncode == 2 and "lgpio finds no Raspberry Pi here" in started.stdout, started

    compiled = shed.run("find", "/opt/twinkle/firmware", "-name", "device.*.pyc").stdout
    assert compiled.startswith("/opt/twinkle/firmware/twinkle/core/__pycache__/"), compiled

    again = command("flash", *where, "--json").document
    assert again["copied"] == again["removed"] == [] and again["ready"]
    shed.says = "setup: credentials.json is not JSON that can be used: prepare the device again\n"
    # The one that ran says that it is ready while it is stopped.
    dead = command("flash", *where)
    assert dead.status == 6 and "it said last: setup: credentials.json is not JSON" in dead.err, dead
    assert command("flash", *where, "--no-wait").status == 0
    shed.says = READY

    # The package index has no wheel of RPi.GPIO for any Python, and none is compiled there.
    board = tmp_path / "other.json"
    board.write_text((ROOT / "boards/raspberry_pi.json").read_text().replace("lgpio", "rpigpio"))
    without = command("flash", board, *where[1:])
    assert without.status == 6 and without.err.endswith("or give it: twinkle flash --wheels FOLDER.\n"), (
        without
    )
    assert "No matching distribution found for RPi.GPIO" in without.out

    gone = command("flash", *where, "--uninstall", "--purge")
    assert gone.status == 0, gone
    assert shed.run("ls", "-d", "/opt/twinkle", "/etc/twinkle").stdout == ""
    assert shed.asked[-2:] == ["disable --now twinkle-prepare.service twinkle.service", "daemon-reload"]


# The device's own console with somebody who knows one verb.
DEVICE = """
import sys, time
sys.path.insert(0, "/opt/twinkle/firmware")
from twinkle.ports.socket_console import SocketConsole
console, text = SocketConsole("/run/twinkle/console"), b""
print("listening", flush=True)
while True:
    text += console.typed().replace(b"\\x03", b"")
    *lines, text = text.split(b"\\r")
    for line in lines:
        if line == b"status --json":
            console.show(b'{"ok": true, "result": {"link": "ready"}}\\r\\n')
        else:
            console.show(b"link: ready\\r\\nok\\r\\n" if line == b"status" else b"err 404 no verb\\r\\n")
    time.sleep(0.01)
"""


def test_the_console_is_reached_over_ssh_and_there_without_any_other_program(command, shed):
    command("flash", "raspberry_pi", "--ssh", "shed", "--ssh-config", shed.config)
    ssh = ("--ssh", "shed", "--ssh-config", shed.config)
    nobody = command("console", *ssh, "-c", "status")
    assert nobody.status == 3 and "shed: there is no console at /run/twinkle/console" in nobody.err, nobody
    shed.run("mkdir", "-p", "/run/twinkle")
    device = subprocess.Popen(
        ["ssh", "-F", shed.config, "shed", "--", "python3", "-B", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        device.stdin.write(DEVICE.encode())
        device.stdin.close()
        assert device.stdout.readline() == b"listening\n"
        answer = command("console", *ssh, "-c", "status")
        assert (answer.status, answer.out) == (0, "link: ready\nok\n"), answer
        there = shed.run("/opt/twinkle/console", "status")
        assert (there.returncode, there.stdout.split()) == (0, ["link:", "ready", "ok"]), there
        unknown = shed.run("/opt/twinkle/console", "dance")
        assert unknown.returncode == 1 and unknown.stdout.startswith("err 404"), unknown
    finally:
        device.terminate()
        device.wait(timeout=PATIENCE_S)


def test_a_computer_that_is_not_there_or_not_open_is_said_in_one_line(command, shed, tmp_path):
    config = tmp_path / "config"
    config.write_text("Host gone\nHostName 127.0.0.1\nPort 1\n")
    gone = command("flash", "raspberry_pi", "--ssh", "gone", "--ssh-config", config)
    assert gone.status == 5 and "refused" in gone.err and gone.err.count("\n") == 1, gone
    config.write_text(shed.config.read_text().replace("IdentityFile", "#"))
    closed = command("flash", "raspberry_pi", "--ssh", "shed", "--ssh-config", config)
    assert closed.status == 4 and "Permission denied" in closed.err and closed.err.count("\n") == 1, closed
