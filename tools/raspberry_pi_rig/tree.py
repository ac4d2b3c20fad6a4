"""The root file system, dressed as Raspberry Pi OS leaves a card after imaging."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .debian import PROCESSOR
from .steps import Steps

PREPARE_S = 600.0

# One without it would find itself at its first start, and set its units up anew.
MACHINE_ID = "b08dfa6083e7567a1921a715000001fb\n"
HOST = "10.0.2.2"  # this computer, as QEMU's user network shows it to the guest
HOSTS = f"""\
127.0.0.1 localhost
127.0.1.1 twinklepi
{HOST} hubhost
"""
WIRED = """\
[Match]
Name=en* eth* usb*
[Network]
DHCP=ipv4
LinkLocalAddressing=no
[DHCPv4]
UseDNS=no
"""
# raspberrypi-sys-mods has these lines: the group gpio, and its rule that gives it the pins.
UDEV = """\
SUBSYSTEM=="*gpiomem*", GROUP="gpio", MODE="0660"
SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"
"""
JOURNAL = """\
[Journal]
Storage=persistent
ForwardToConsole=no
SyncIntervalSec=5s
"""
# Nothing here waits for a person, and nothing takes the slow computer's time but the product.
MASKED = (
    *("systemd-firstboot.service", "apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "dpkg-db-backup.timer"),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "getty@tty1.service"),
)
WANTED = {
    "multi-user.target.wants": "systemd-networkd.service",
    "network-online.target.wants": "systemd-networkd-wait-online.service",
}


def unpack(packed: Path, root: Path, steps: Steps) -> None:
    """A fresh tree at ``root``."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    steps.run("tar", "--extract", "--preserve-permissions", "--numeric-owner", f"--file={packed}", "-C", root)


def dress(root: Path, kernel: Path, simulated: Path, wheels: Path, public_key: str, steps: Steps) -> None:
    """What imaging and the first start add: names, network, the user pi, keys, the kernel's modules.

    The way to the package index is this computer's own; ``wheels`` stand for the index that
    Raspberry Pi OS asks as well, which builds for Raspberry Pis.
    """
    version = (kernel / "version").read_text()
    modules = root / "usr/lib/modules"
    shutil.copytree(kernel / "modules/lib/modules", modules, dirs_exist_ok=True)
    shutil.copytree(simulated, modules / version / "extra")
    steps.run("depmod", "-b", root / "usr", version)
    etc = root / "etc"
    resolver = etc / "resolv.conf"
    resolver.unlink(missing_ok=True)
    files = {
        "hostname": "twinklepi\n",
        "hosts": HOSTS,
        "machine-id": MACHINE_ID,
        "resolv.conf": "nameserver 10.0.2.3\n",
        "systemd/network/20-wired.network": WIRED,
        "udev/rules.d/99-com.rules": UDEV,
        "systemd/journald.conf.d/rig.conf": JOURNAL,
        "sudoers.d/010_pi-nopasswd": "pi ALL=(ALL) NOPASSWD: ALL\n",
        "fstab": "/dev/root / ext4 noatime 0 1\n",
    }
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)
    (etc / "sudoers.d/010_pi-nopasswd").chmod(0o440)
    (root / "var/log/journal").mkdir(exist_ok=True)
    link(root / "var/lib/dbus/machine-id", "/etc/machine-id")
    units = etc / "systemd/system"
    for folder, unit in WANTED.items():
        (units / folder).mkdir(parents=True, exist_ok=True)
        link(units / folder / unit, f"/usr/lib/systemd/system/{unit}")
    for unit in MASKED:
        link(units / unit, "/dev/null")
    inside(root, "groupadd", "-f", "-r", "gpio")
    inside(root, "useradd", "-m", "-s", "/bin/bash", "-G", "gpio,sudo", "pi")
    for home in ("root", "home/pi"):
        keys = root / home / ".ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        (keys / "authorized_keys").write_text(public_key)
    inside(root, "chown", "-R", "pi:pi", "/home/pi")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", etc / "ssl/certs/ca-certificates.crt")
    shutil.copytree(wheels, root / "usr/share/wheels")
    index = package_index()
    (etc / "pip.conf").write_text(
        "[global]\nfind-links = /usr/share/wheels\n" + (f"index-url = {index}\n" if index else "")
    )


def package_index() -> str:
    """The address of the index that pip uses here; empty for the common one."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return os.environ.get("PIP_INDEX_URL") or found.stdout.strip()


def prepare(root: Path, steps: Steps) -> None:
    """Run the product's own preparation in the tree, several times as fast as the emulated computer would.

    What it mounts there is seen by nobody else, and gone with it.
    """
    script = """
        mount --bind /dev "$1/dev"
        mount -t proc proc "$1/proc"
        mount --bind /etc/resolv.conf "$1/etc/resolv.conf"
        exec env -i QEMU_CPU="$2" PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1" /opt/twinkle/prepare"""
    processor = PROCESSOR["QEMU_CPU"]
    steps.run(
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-euc",
        script,
        "sh",
        root,
        processor,
        limit=PREPARE_S,
    )


def link(path: Path, target: str) -> None:
    """A symbolic link, in the place of whatever was there."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def inside(root: Path, *command: str) -> None:
    """Run one of the tree's own arm64 programs."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **PROCESSOR}
    subprocess.run(["chroot", root, *command], env=environment, check=True, timeout=60, capture_output=True)
