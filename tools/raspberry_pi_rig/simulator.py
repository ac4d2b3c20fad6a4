"""A module with a simulated GPIO chip, whose inputs can be moved: QEMU's raspi3b has none that can.

The kernel's own gpio-sim and its simulated interrupts (drivers/gpio/gpio-sim.c, kernel/irq/irq_sim.c), which
Debian's kernels leave out, built from Debian's source package for the kernel of the card.
"""

import shutil
import subprocess
from pathlib import Path

from .debian import PROCESSOR, download
from .steps import Steps

NAME = "gpio_room"
SOURCES = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")
KBUILD = f"obj-m := {NAME}.o\n{NAME}-y := gpio-sim.o irq_sim.o\n"
# What the source calls is not for modules; this is its public form.
PRIVATE, PUBLIC = "handle_simple_irq(irq_to_desc(irqnum))", "generic_handle_irq(irqnum)"
# By release: the series of its kernel. Another compiler than the one that made a kernel makes no modules for it,
# so only the release whose compiler has the same version as this computer's is here.
SERIES = {"bookworm": "6.1"}


def make(suite: str, version: str, folder: Path, downloads: Path, steps: Steps) -> None:
    """The module for the kernel ``version`` in ``folder``, which stays empty for a release that has none."""
    work = folder.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    (work / "built").mkdir(parents=True)
    if suite in SERIES:
        _build(suite, version, work, downloads, steps)
    shutil.rmtree(folder, ignore_errors=True)
    (work / "built").rename(folder)
    shutil.rmtree(work)


def _build(suite: str, version: str, work: Path, downloads: Path, steps: Steps) -> None:
    series, common = SERIES[suite], version.rpartition("-")[0] + "-common"
    wanted = (f"linux-headers-{version}", f"linux-headers-{common}", f"linux-kbuild-{series}", "libc6")
    *headers, libc, source = download(suite, work, downloads, (*wanted, f"linux-source-{series}"), steps)
    tree, module = work / "headers", work / "module"
    for package in headers:
        steps.run("dpkg-deb", "-x", package, tree)
    _move(tree)
    steps.run("dpkg-deb", "-x", libc, work / "libc")
    steps.run("dpkg-deb", "-x", source, work / "package")
    archive, top = work / f"package/usr/src/linux-source-{series}.tar.xz", f"linux-source-{series}"
    names = [f"{top}/{name}" for name in SOURCES]
    steps.run("tar", "--extract", f"--file={archive}", "-C", work, *names, limit=300)
    module.mkdir()
    for name in names:
        shutil.copy(work / name, module)
    irq = module / "irq_sim.c"
    irq.write_text(irq.read_text().replace(PRIVATE, PUBLIC))
    (module / "Kbuild").write_text(KBUILD)
    steps.run(
        *("make", "--silent", "-C", tree / f"usr/src/linux-headers-{version}", f"M={module}"),
        *("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "modules"),
        limit=300,
        # The kernel's own tools in Debian's package are arm64 programs, too.
        extra={"QEMU_LD_PREFIX": str(work / "libc"), **PROCESSOR},
    )
    steps.run(
        "aarch64-linux-gnu-strip", "--strip-debug", "-o", work / f"built/{NAME}.ko", module / f"{NAME}.ko"
    )


def _move(tree: Path) -> None:
    """Debian's makefiles and links name the folders where they would be installed."""
    src = tree / "usr/src"
    for makefile in (*src.glob("*/Makefile"), *src.glob("*/.config"), *src.glob("*/.kernelvariables")):
        if not makefile.is_symlink():
            makefile.write_text(makefile.read_text().replace("/usr/src/", f"{src}/"))
    links = subprocess.run(["find", src, "-type", "l"], capture_output=True, text=True, check=True).stdout
    for link in map(Path, links.splitlines()):
        target = str(link.readlink())
        if target.startswith("/usr/"):
            link.unlink()
            link.symlink_to(f"{tree}{target}")
