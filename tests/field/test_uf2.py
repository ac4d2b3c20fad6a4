"""Installing MicroPython on a board in boot mode.

No registry has a real image and there is no real drive here: the images are made by
the format's own description, and the drive is a folder with the board's INFO_UF2.TXT.
"""

import json
import struct

import pytest
from support import ROOT

from twinkle_host.failure import Failure
from twinkle_host.flash import uf2

HARDWARE = json.loads((ROOT / "boards" / "hardware" / "pico_w.json").read_text())
RP2040, RP2350 = 0xE48BFF56, 0xE48BFF59
START = 0x10000000
INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"


def block(
    index, total, address=None, family=RP2040, flags=0x2000, size=256, magic=0x0A324655, end=0x0AB16F30
):
    address = START + 256 * index if address is None else address
    header = struct.pack("<8I", magic, 0x9E5D5157, flags, address, size, index, total, family)
    return header + b"\x55" * 476 + struct.pack("<I", end)


def an_image(count=8, **odd):
    """An image of ``count`` blocks; ``odd`` is what is different in its last one."""
    blocks = [block(index, count) for index in range(count - 1)]
    return b"".join([*blocks, block(count - 1, count, **odd)])


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(INFO)
    return folder


def test_a_whole_image_for_the_board_is_taken():
    assert uf2.check(an_image(8), HARDWARE) == 8 * 256


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a multiple of 512"),
        (an_image()[:-1], "not a multiple of 512"),
        (an_image()[:-512], "not whole"),
        (b"\x7fELF".ljust(1024, b"\0"), "no UF2 marks"),
        (an_image(end=0), "no UF2 marks"),
        (an_image(magic=0), "no UF2 marks"),
        (an_image(family=RP2350), "another chip (RP2350)"),
        (an_image(family=0x12345678), "another chip (family 12345678)"),
        (an_image(flags=0), "does not say which chip"),
        (an_image(address=START + 2 * 1024 * 1024), "outside of a Raspberry Pi Pico W's flash"),
        (an_image(address=START + 2 * 1024 * 1024 - 255), "outside"),
        (an_image(address=0x20000000), "outside"),
        (an_image(size=477), "outside"),
        (an_image(address=START), "writes twice"),
        (block(0, 1, START + 256), "leaves out 0x10000000"),
        (block(1, 2) + block(0, 2), "not whole"),
    ],
)
def test_what_would_leave_the_board_without_a_program_is_refused(content, words):
    with pytest.raises(Failure) as refused:
        uf2.check(content, HARDWARE)
    assert words in str(refused.value)


def test_the_drive_is_found_among_what_is_mounted(drive, tmp_path):
    mounts = tmp_path / "mounts"
    spaced = str(drive).replace("RPI-RP2", "my\\040disk")
    mounts.write_text(
        f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {spaced} vfat rw 0 0\n/dev/sdc1 {drive} vfat rw 0 0\n"
    )
    assert uf2.find_drive(None, HARDWARE, mounts) == drive
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n")
    with pytest.raises(Failure, match="hold BOOTSEL"):
        uf2.find_drive(None, HARDWARE, mounts)
    with pytest.raises(Failure, match="not the drive of a board in boot mode"):
        uf2.find_drive(tmp_path, HARDWARE, mounts)


def test_the_command_installs_and_then_flashes(command, board, drive, tmp_path):
    firmware = tmp_path / "RPI_PICO_W.uf2"
    firmware.write_bytes(an_image(200))
    shown = command("flash", "pico_w", "--uf2", firmware, "--drive", drive, "--dry-run")
    assert shown.status == 0 and "51200 bytes of flash" in shown.out and not (drive / "firmware.uf2").exists()
    done = command("flash", "pico_w", "--uf2", firmware, "--drive", drive, "--port", board.port)
    assert done.status == 0 and "Next: twinkle provision" in done.out, done
    assert (drive / "firmware.uf2").read_bytes() == firmware.read_bytes()
    firmware.write_bytes(an_image(family=RP2350))
    refused = command("flash", "pico_w", "--uf2", firmware, "--drive", drive, "--port", board.port)
    assert refused.status == 2 and "another chip (RP2350)" in refused.err and refused.err.count("\n") == 1
