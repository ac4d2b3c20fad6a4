"""Debian's arm64 packages: a root tree of them, and single ones that are only unpacked."""

import subprocess
from pathlib import Path

from .steps import StepFailed, Steps

# What Raspberry Pi OS Lite has of what the product touches.
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "libpam-systemd", "polkitd", "systemd-timesyncd"),
    *("openssh-server", "sudo", "kmod", "iproute2", "procps", "python3", "python3-venv", "ca-certificates"),
)
UNUSED = ("man", "doc", "locale")
# A Pi 3's processor: one with pointer authentication makes Debian 13's programs nine times as slow in QEMU 7.
PROCESSOR = {"QEMU_CPU": "cortex-a53"}
BUILD_S = 1800.0
DOWNLOAD_S = 900.0


def make_tree(suite: str, mirror: str, packed: Path, downloads: Path, steps: Steps) -> None:
    """Pack a tree of a release's packages into the archive ``packed``; needs root, for the arm64 programs run."""
    work = packed.with_suffix(".new")
    downloads.mkdir(parents=True, exist_ok=True)
    steps.run(
        *("mmdebstrap", "--arch=arm64", "--variant=essential", "--mode=root"),
        f"--include={','.join(PACKAGES)}",
        *("--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Languages none"),
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNUSED),
        *("--dpkgopt=force-unsafe-io", "--skip=essential/unlink", "--format=tar"),
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        f"--setup-hook=sync-in '{downloads}' /var/cache/apt/archives",
        f"--customize-hook=sync-out /var/cache/apt/archives '{downloads}'",
        *(suite, work, f"deb {mirror} {suite} main"),
        limit=BUILD_S,
        extra=PROCESSOR,
    )
    work.rename(packed)


def download(suite: str, work: Path, downloads: Path, packages: tuple[str, ...], steps: Steps) -> list[Path]:
    """The packages' files, in their order."""
    listing = work / "downloaded"
    script = Path(__file__).with_name("download.sh")
    with listing.open("w") as file, steps.log.open("a") as log:
        done = subprocess.run(
            [script, suite, work, downloads, *packages],
            stdout=file,
            stderr=log,
            timeout=DOWNLOAD_S,
            check=False,
        )
    if done.returncode:
        raise StepFailed(f"Debian's packages {', '.join(packages)} were not brought; see {steps.log}")
    return [Path(line) for line in listing.read_text().splitlines()]
