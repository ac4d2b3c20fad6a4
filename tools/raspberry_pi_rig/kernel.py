"""Debian's arm64 kernel for QEMU's raspi3b: image, first root, device tree, and the modules it needs."""

import gzip
import shutil
import subprocess
from pathlib import Path

from .debian import download
from .steps import Steps

PACKAGES = ("kernel", "busybox-static")
# What the first root needs to find the card and its file system. Two drivers know the card's controller,
# depending on how the device tree wires it.
CARD = ("crc32c_generic", "ext4", "sdhci-iproc", "bcm2835")
# What the rest of the computer has: USB and its network, the chip's watchdog, thermometer and random numbers.
COMPUTER = (
    *("dwc2", "cdc_ether", "rndis_host", "af_packet", "ipv6", "autofs4", "configfs"),
    *("bcm2835_wdt", "bcm2835_thermal", "bcm2835-rng", "raspberrypi-hwmon"),
)
DEVICE_TREE = "broadcom/bcm2837-rpi-3-b.dtb"
# What a Raspberry Pi's firmware adds to its device tree: Blinka's platform detection and gpiozero read them.
REVISION, SERIAL = "a02082", "00000000a1b2c3d4"
INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in {modules}; do /bin/busybox modprobe $module; done
tries=0
while [ $tries -lt 60 ]; do
  for card in /dev/mmcblk0 /dev/mmcblk1; do [ -b $card ] && break 2; done
  /bin/busybox sleep 1
  tries=$((tries + 1))
done
/bin/busybox mount -t ext4 -o rw,noatime $card /root || {{ echo "no card"; exec /bin/busybox sh; }}
/bin/busybox umount /proc
/bin/busybox mount --move /sys /root/sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


def make(suite: str, folder: Path, downloads: Path, steps: Steps) -> None:
    """vmlinuz, initrd, pi3.dtb and modules/ in ``folder``."""
    work = folder.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    image, busybox = download(suite, work, downloads, PACKAGES, steps)
    package = work / "package"
    steps.run("dpkg-deb", "-x", image, package)
    steps.run("dpkg-deb", "-x", busybox, work / "busybox")
    (kernel,) = (package / "boot").glob("vmlinuz-*")
    version = kernel.name.removeprefix("vmlinuz-")
    shutil.copy(kernel, work / "vmlinuz")
    all_modules = next(path for path in package.glob(f"**/lib/modules/{version}"))
    pick(all_modules, version, (*CARD, *COMPUTER), work / "modules", steps)
    first_root = work / "first_root"
    for name in ("bin", "dev", "proc", "root", "sys"):
        (first_root / name).mkdir(parents=True)
    pick(all_modules, version, CARD, first_root, steps)
    (program,) = (work / "busybox").glob("**/bin/busybox")
    shutil.copy(program, first_root / "bin/busybox")
    init = first_root / "init"
    init.write_text(INIT.format(modules=" ".join(CARD)))
    init.chmod(0o755)
    archive(first_root, work / "initrd")
    tree = work / "pi3.dtb"
    shutil.copy(next(package.glob(f"usr/lib/linux-image-*/{DEVICE_TREE}")), tree)
    steps.run("fdtput", "-c", tree, "/system")
    steps.run("fdtput", "-t", "x", tree, "/system", "linux,revision", REVISION)
    steps.run("fdtput", "-t", "s", tree, "/", "serial-number", SERIAL)
    for name in ("apt", "busybox", "first_root", "package"):
        shutil.rmtree(work / name)
    shutil.rmtree(folder, ignore_errors=True)
    (work / "version").write_text(version)
    work.rename(folder)


def pick(source: Path, version: str, names: tuple[str, ...], root: Path, steps: Steps) -> None:
    """Copy modules and what they need into ``root``, unpacked: the emulated computer would take long over it."""
    target = root / "lib/modules" / version
    target.mkdir(parents=True)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(source / index, target / index)
    base = source.parents[2]
    # Debian's package comes without the index of dependencies, which its installation makes.
    if not (source / "modules.dep").exists():
        steps.run("depmod", "-b", base, version)
    for name in names:
        listed = subprocess.run(
            ["modprobe", "-d", base, "-S", version, "--show-depends", "--ignore-install", name],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # One that is built in has nothing to copy; one that this release has not is not missed.
        for line in listed.stdout.splitlines():
            if line.startswith("insmod "):
                path = Path(line.split()[1])
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
                if copy.suffix == ".xz":
                    steps.run("xz", "--decompress", "--force", copy)
    steps.run("depmod", "-b", root, version)


def archive(folder: Path, target: Path) -> None:
    """Pack a first root as the kernel wants it."""
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    packed = subprocess.run(
        ["cpio", "--create", "--format=newc", "--quiet"],
        cwd=folder,
        input=names.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    target.write_bytes(gzip.compress(packed.stdout, 3))
