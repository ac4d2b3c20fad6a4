"""Installing on a Raspberry Pi's root file system: exactly the expected files and modes, each time."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from places import ROOT

from twinkle_host.flash import image

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CONNECTION = f"HostName=contoso.azure-devices.net;DeviceId=shed-7;SharedAccessKey={KEY}"
UNITS = "etc/systemd/system"


@pytest.fixture
def root(tmp_path):
    """A card with the little that an installation looks for."""
    folder = tmp_path / "rootfs"
    (folder / "etc" / "systemd" / "system").mkdir(parents=True)
    (folder / "etc" / "hostname").write_text("shed\n")
    return folder


def files(root):
    """``{path: mode}`` of everything but folders; a link's mode is its target."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = stat.S_IMODE(path.stat().st_mode)
    return found


def expected(board="raspberry_pi"):
    """What an installation consists of."""
    settings = json.loads((ROOT / "boards" / f"{board}.json").read_text())
    sources, _ = image.sources(settings)
    return {
        "etc/hostname": 0o644,
        "etc/twinkle/board.json": 0o644,
        "etc/polkit-1/rules.d/50-twinkle.rules": 0o644,
        f"{UNITS}/twinkle.service": 0o644,
        f"{UNITS}/twinkle-prepare.service": 0o644,
        f"{UNITS}/multi-user.target.wants/twinkle-prepare.service": f"/{UNITS}/twinkle-prepare.service",
        "opt/twinkle/prepare": 0o755,
        "opt/twinkle/requirements.txt": 0o644,
        "opt/twinkle/sysusers.conf": 0o644,
        "opt/twinkle/installed.json": 0o644,
        "opt/twinkle/firmware/umqtt/simple.py": 0o644,
        **{f"opt/twinkle/firmware/{path}": 0o644 for path in sources},
    }


def test_installed_twice_upgraded_and_uninstalled(command, root, tmp_path):
    first = command("flash", "raspberry_pi", "--root", root)
    assert first.status == 0 and "Next: twinkle provision" in first.out, first
    assert files(root) == expected()
    assert "opt/twinkle/firmware/twinkle/ports/pico.py" not in files(root)

    given = command("provision", "raspberry_pi", "--root", root, TWINKLE_DEVICE_CONNECTION_STRING=CONNECTION)
    assert given.status == 0 and KEY not in repr(given) and "| device   shed-7" in given.out, given
    secret = {"etc/twinkle/credentials.json": 0o600, "etc/twinkle/ca.pem": 0o644}
    assert files(root) == expected() | secret

    second = command("flash", "raspberry_pi", "--root", root, "--json").document
    assert second["copied"] == second["removed"] == [] and second["release"] == image.release()
    assert files(root) == expected() | secret

    # A former release had a file that this one has not, and an older one that it has.
    former = root / "opt/twinkle/firmware/twinkle/former.py"
    former.write_text("pass\n")
    listed = json.loads((root / "opt/twinkle/installed.json").read_text())
    listed["release"] = "0.0.1"
    listed["files"]["/opt/twinkle/firmware/twinkle/former.py"] = "of another release"
    (root / "opt/twinkle/installed.json").write_text(json.dumps(listed))
    (root / "opt/twinkle/firmware/main.py").write_text("an older one")
    (root / "var/lib/twinkle").mkdir(parents=True)
    (root / "var/lib/twinkle/config.json").write_text("{}")
    state = {"var/lib/twinkle/config.json": 0o644}
    upgraded = command("flash", "raspberry_pi", "--root", root, "--json").document
    assert upgraded["copied"] == ["/opt/twinkle/firmware/main.py"]
    assert upgraded["removed"] == ["/opt/twinkle/firmware/twinkle/former.py"]
    assert files(root) == expected() | secret | state

    gone = command("flash", "raspberry_pi", "--root", root, "--uninstall")
    assert gone.status == 0 and "kept: credentials" in gone.out, gone
    assert files(root) == {"etc/hostname": 0o644} | secret | state
    assert not (root / "opt/twinkle").exists()
    assert command("flash", "raspberry_pi", "--root", root, "--uninstall").status == 3
    assert command("flash", "raspberry_pi", "--root", root, "--uninstall", "--purge").status == 0
    assert files(root) == {"etc/hostname": 0o644}


def test_a_board_file_that_was_edited_there_is_kept(command, root):
    command("flash", "raspberry_pi", "--root", root)
    file = root / "etc/twinkle/board.json"
    edited = json.loads(file.read_text())
    edited["led"]["pin"] = 27
    file.write_text(json.dumps(edited))
    again = command("flash", "raspberry_pi", "--root", root, "--json")
    assert again.document["note"] == "/etc/twinkle/board.json was edited there and is kept"
    assert json.loads(file.read_text())["led"]["pin"] == 27
    command("flash", "raspberry_pi", "--root", root, "--uninstall")
    assert files(root) == {"etc/hostname": 0o644, "etc/twinkle/board.json": 0o644}


def test_a_newer_release_is_not_replaced_unless_asked(command, root):
    command("flash", "raspberry_pi", "--root", root)
    (root / "opt/twinkle/installed.json").write_text('{"release": "99.0.0", "files": {}}')
    refused = command("flash", "raspberry_pi", "--root", root)
    assert refused.status == 4 and "--downgrade" in refused.err
    assert command("flash", "raspberry_pi", "--root", root, "--downgrade").status == 0


def test_mistakes_are_said_in_one_line(command, tmp_path):
    assert "has no etc" in command("flash", "raspberry_pi", "--root", tmp_path).err
    assert command("flash", "raspberry_pi").status == 2
    assert command("flash", "raspberry_pi", "--root", tmp_path, "--port", "x").status == 2
    assert command("flash", "pico_w", "--root", tmp_path).status == 2
    wifi = command(
        "provision",
        "raspberry_pi",
        "--root",
        tmp_path,
        "--wifi",
        "home",
        **{"TWINKLE_DEVICE_CONNECTION_STRING": CONNECTION, "TWINKLE_WIFI_PASSWORD": "long enough"},
    )
    assert wifi.status == 1, wifi


def test_what_was_installed_runs(command, root, tmp_path):
    """The device's files as they lie there, with no other path to import from."""
    command("flash", "raspberry_pi", "--root", root)
    done = subprocess.run(
        [
            "/usr/bin/env",
            "-i",
            "python3",
            "-E",
            root / "opt/twinkle/firmware/main.py",
            root / "etc/twinkle",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout.startswith("setup: "), done


def systemd(verb, root, *arguments):
    """Ask systemd's own analyst about the units of a root file system."""
    return subprocess.run(
        ["systemd-analyze", verb, f"--root={root}", *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_finds_nothing_wrong_with_the_units(command, root):
    command("flash", "raspberry_pi", "--root", root)
    # The targets that every system has, which are systemd's own.
    own = root / "usr/lib/systemd/system"
    own.mkdir(parents=True)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, own)
    python = root / "opt/twinkle/venv/bin/python"
    python.parent.mkdir(parents=True)
    for program in (python, root / "usr/bin/systemctl"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    units = [root / UNITS / name for name in ("twinkle.service", "twinkle-prepare.service")]
    done = systemd("verify", root, "--man=no", *(f"/{unit.relative_to(root)}" for unit in units))
    assert done.returncode == 0 and "twinkle" not in done.stderr, done
    right = units[0].read_text()
    units[0].write_text(
        right.replace("Restart=always", "Restart=sometimes").replace("WatchdogSec", "WatchSec")
    )
    done = systemd("verify", root, "--man=no", f"/{units[0].relative_to(root)}")
    assert "restart specifier" in done.stderr and "WatchSec" in done.stderr, done


def test_the_service_is_shut_in(command, root):
    command("flash", "raspberry_pi", "--root", root)
    done = systemd("security", root, "--no-pager", "--offline=true", "--threshold=25", "twinkle.service")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
