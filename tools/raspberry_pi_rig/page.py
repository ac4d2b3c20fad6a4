"""docs/boards.md and docs/boards.json: what was tried on what, from the record of a run."""

import json
from pathlib import Path
from typing import Any

# What stands behind each part of the emulated computer, and whether it is the real one.
PARTS = (
    ("processor and chip", "BCM2837 as QEMU's raspi3b emulates it", "emulated"),
    ("kernel", "Debian's arm64 kernel, {kernel}", "real, though not Raspberry Pi's own"),
    ("system", "Debian's packages: systemd {systemd}, polkit, udev, OpenSSH", "real"),
    ("Python", "{python}, in the virtual environment that the product makes there", "real"),
    (
        "preparation",
        "the product's own program, run in the card's tree before the first start",
        "real, run by qemu-user",
    ),
    ("GPIO driver", "pinctrl-bcm2835 of that kernel, over the emulated registers", "real"),
    ("GPIO library", "{gpio}", "real"),
    ("sensor", "none is connected: what is tried is its absence", "absent"),
    ("network", "USB Ethernet to this computer's loopback", "emulated"),
    ("hub", "the local hub of this project, MQTT over verified TLS", "stand-in for Azure IoT Hub"),
    ("card", "a file with an ext4 file system", "emulated"),
    ("clock", "no clock chip, as on the board; no NTP server", "emulated"),
)
UNKNOWN = dict.fromkeys(("kernel", "systemd", "python", "gpio"), "unknown")
OTHERS = """\
## Pico W

No rp2 image can be made of packages, so the port runs on the Unix build of MicroPython.

| Part | What it was | Real? |
|---|---|---|
| interpreter | MicroPython 1.25, 32-bit, Debian's Unix build, with 192 KiB of heap | real, another port than rp2 |
| device's files | the same `.mpy` files as `twinkle flash` puts on a board | real |
| modules `machine`, `network`, `dht`, `ntptime` | `host/mock_gpio/pico` | stand-ins |
| file system | littlefs on a file with the Pico W's geometry | real, on a simulated flash |
| serial line | a pseudo-terminal, mpremote's own transport | real protocol, no USB |
| core on a Cortex-M3 | `tools/cortex_m`: MicroPython's port for QEMU | real, on an emulated processor |

## Not tried on anything

* A board on the table: no Raspberry Pi and no Pico W has run this.
* The RP1 of a Raspberry Pi 5, Raspberry Pi's own kernels and packages, 32-bit systems.
* Wi-Fi, a DHT sensor's waveform on a real line, a card that wears out.
"""


def write(folder: Path, records: dict[str, dict[str, Any]]) -> None:
    """Both files, from each release's record."""
    (folder / "boards.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    (folder / "boards.md").write_text(render(records))


def render(records: dict[str, dict[str, Any]]) -> str:
    """The page."""
    lines = [
        "# What was tried on what",
        "",
        "Made by `tools/raspberry_pi --record` from a run for each of Debian's releases, on one computer.",
        "",
        "## Raspberry Pi",
        "",
        "An arm64 computer of Debian's packages, in QEMU. The product is put on its card by `twinkle flash`",
        "and `twinkle provision`; the LED is read from the emulated GPIO registers, everything else is what",
        "hub, ssh and systemd see.",
        "",
    ]
    suites = list(records)
    lines += [
        f"* {suite}: {records[suite]['date']}, board file `{records[suite]['board']}` first; {_time(records[suite])}."
        for suite in suites
    ]
    lines.append("")
    lines += ["| Part | What it was | Real? |", "|---|---|---|"]
    for part, text, real in PARTS:
        seen = [text.format_map({**UNKNOWN, **records[suite]["facts"]}) for suite in suites]
        told = seen[0] if len(set(seen)) == 1 else "<br>".join(map(" ".join, zip(suites, seen, strict=True)))
        lines.append(f"| {part} | {told} | {real} |")
    lines += ["", f"| What it must show | {' | '.join(suites)} |", "|---|" + "---|" * len(suites)]
    rows: dict[str, dict[str, list[str]]] = {}
    for suite in suites:
        for check in records[suite]["checks"]:
            rows.setdefault(check["sentence"], {}).setdefault(suite, []).append(_cell(check))
    for sentence, cells in rows.items():
        told = ("<br>".join(cells.get(suite, ["not tried"])) for suite in suites)
        lines.append(f"| {sentence} | {' | '.join(told)} |")
    return "\n".join([*lines, "", OTHERS])


def _time(record: dict[str, Any]) -> str:
    made = (
        f"{record['made']} s of them for what later runs find made"
        if record["made"]
        else "its parts were in the cache"
    )
    return f"{record['seconds']} s, {made}"


def _cell(check: dict[str, Any]) -> str:
    seen = check["seen"].replace("|", "/").replace("\n", " ")
    if not check["passed"]:
        return f"**no**: {seen}"
    return f"✓ {check['seconds']:.0f} s" + (f"; {seen}" if seen else "")
