"""Installing on a Raspberry Pi's root file system: exactly the expected files and modes, each time."""

import ast
import json
import os
import shutil
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import ROOT

from twinkle_host.flash import image
from twinkle_host.waiting import PATIENCE_S

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CONNECTION = f"HostName=contoso.azure-devices.net;DeviceId=shed-7;SharedAccessKey={KEY}"
UNITS = "etc/systemd/system"
PI_FILES = ROOT / "host" / "flash" / "raspberry_pi_files"


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
        "opt/twinkle/console": 0o755,
        "opt/twinkle/check_imports.py": 0o644,
        "opt/twinkle/backend-lgpio.txt": 0o644,
        "opt/twinkle/backend-rpigpio.txt": 0o644,
        "opt/twinkle/requirements.txt": 0o644,
        "opt/twinkle/sysusers.conf": 0o644,
        "opt/twinkle/installed.json": 0o644,
        "opt/twinkle/firmware/umqtt/simple.py": 0o644,
        **{f"opt/twinkle/firmware/{path}": 0o644 for path in sources},
    }


def folders(root):
    """Every folder."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir()}


@pytest.mark.parametrize("there", ["", "etc/polkit-1/rules.d", f"{UNITS}/multi-user.target.wants"])
def test_uninstalling_leaves_the_folders_that_were_there_and_no_others(command, root, there):
    """Debian's polkitd and systemd bring theirs, which may be empty; a minimal system has none."""
    (root / there).mkdir(parents=True, exist_ok=True)
    before = folders(root)
    command("flash", "raspberry_pi", "--root", root)
    # Again, when all of them are there: what is noted of the first time stays.
    command("flash", "raspberry_pi", "--root", root)
    assert command("flash", "raspberry_pi", "--root", root, "--uninstall").status == 0
    assert folders(root) == before


def test_wheels_are_put_along_and_stay_until_others_come(command, root, tmp_path):
    given = tmp_path / "wheels"
    given.mkdir()
    refused = command("flash", "raspberry_pi", "--root", root, "--wheels", given)
    assert refused.status == 3 and "holds no wheel" in refused.err
    (given / "one-1-cp313-cp313-linux_aarch64.whl").write_bytes(b"one")
    command("flash", "raspberry_pi", "--root", root, "--wheels", given)
    assert list_wheels(root) == ["one-1-cp313-cp313-linux_aarch64.whl"]
    again = command("flash", "raspberry_pi", "--root", root, "--json").document
    assert again["removed"] == [] and list_wheels(root) == ["one-1-cp313-cp313-linux_aarch64.whl"]
    (given / "one-1-cp313-cp313-linux_aarch64.whl").rename(given / "two-2-py3-none-any.whl")
    command("flash", "raspberry_pi", "--root", root, "--wheels", given)
    assert list_wheels(root) == ["two-2-py3-none-any.whl"]
    command("flash", "raspberry_pi", "--root", root, "--uninstall")
    assert not (root / "opt").exists()


def list_wheels(root):
    return sorted(path.name for path in (root / "opt/twinkle/wheels").iterdir())


def test_installed_twice_upgraded_and_uninstalled(command, root, tmp_path):
    before = folders(root)
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
    assert folders(root) == {*before, "etc/twinkle", "var", "var/lib", "var/lib/twinkle"}
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
    assert wifi.status == 2, wifi


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


def test_lgpio_makes_its_pipes_where_the_service_may(command, root, tmp_path):
    """Real lgpio, which makes them in the working directory when it is imported; / is root's."""
    command("flash", "raspberry_pi", "--root", root)
    unit = (root / UNITS / "twinkle.service").read_text().splitlines()
    assert "RuntimeDirectory=twinkle" in unit and "WorkingDirectory=/run/twinkle" in unit
    seen = "import lgpio, os; print([name[:8] for name in os.listdir('.')])"
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run([sys.executable, "-c", seen], cwd=home, capture_output=True, text=True, check=False)
    assert done.stdout == "['.lgd-nfy']\n", done


def test_the_computers_start_does_not_wait_for_the_packages(command, root):
    """multi-user.target waits for a unit of Type=oneshot that it wants until its program ends (systemd.service(5))."""
    command("flash", "raspberry_pi", "--root", root)
    prepare = (root / UNITS / "twinkle-prepare.service").read_text().splitlines()
    assert "Type=exec" in prepare and not any(line.startswith("ExecStartPost") for line in prepare)
    # Started by hand before that is done, the service is left out instead of failing.
    assert "ConditionPathExists=/opt/twinkle/venv/ready" in (root / UNITS / "twinkle.service").read_text()


# --- the packages of the service


def pins():
    """``{name: version}`` of what is brought from the package index, but for the GPIO back-end."""
    lines = (PI_FILES / "requirements.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all([spec.operator for spec in one.specifier] == ["=="] for one in found)
    return {canonicalize_name(one.name): next(iter(one.specifier)).version for one in found}


@pytest.mark.parametrize("machine", ["aarch64", "armv7l"])
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_everything_that_a_package_of_the_service_needs_is_pinned(python, machine):
    """By the packages' own word; and gpiod, which Blinka imports on a Pi without naming it."""
    pinned = pins()
    there = {"python_version": python, "python_full_version": f"{python}.2", "platform_machine": machine}
    there |= {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    for name, version in pinned.items():
        # The same versions as here, so that their metadata can be read here and tests run what a Pi runs.
        assert metadata.version(name) == version
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate(there):
                assert needed.specifier.contains(pinned[canonicalize_name(needed.name)]), f"{name}: {text}"
    assert {"adafruit-circuitpython-dht", "gpiozero", "gpiod"} <= set(pinned)


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_a_64_bit_pi_needs_no_compiler(python, tmp_path):
    """The package index has wheels of all of them; of lgpio for 3.11, and for 3.13 the system has it."""
    wanted = ["-r", PI_FILES / "requirements.txt", *(["lgpio==0.2.2.0"] if python == "3.11" else [])]
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)]
    options = "--dry-run --quiet --only-binary :all: --no-deps --implementation cp --python-version".split()
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, python, *platforms, "--target", tmp_path, *wanted],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("board", "missing", "said"),
    [
        ("raspberry_pi", None, ""),
        ("raspberry_pi_5", None, ""),
        ("raspberry_pi", "gpiod", "board: The platform library 'gpiod' was not found"),
        ("raspberry_pi_5", "lgpio", "gpiozero.pins.lgpio: not here"),
        ("raspberry_pi", "sysv_ipc", "PulseIn: not here"),
        ("raspberry_pi", "gpiozero", "gpiozero: not here"),
    ],
)
def test_what_the_port_imports_is_imported_before_the_environment_counts_as_ready(
    tmp_path, board, missing, said
):
    if missing:
        (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('not here', name='{missing}')\n")
    done = subprocess.run(
        [sys.executable, PI_FILES / "check_imports.py", ROOT / "boards" / f"{board}.json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode != 0) == bool(missing) and said in done.stderr, done


def test_the_check_imports_all_that_the_port_does():
    ports = ROOT / "firmware/twinkle/ports"
    imported = {
        alias.name
        for name in ("rpi.py", "rpi_wiring.py", "adafruit.py")
        for node in ast.walk(ast.parse((ports / name).read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name not in sys.stdlib_module_names
    }
    text = (PI_FILES / "check_imports.py").read_text()
    assert imported == {"gpiozero", "adafruit_dht", "board", "pulseio"}
    assert all(name in text for name in imported)
