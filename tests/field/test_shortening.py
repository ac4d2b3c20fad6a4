"""What is said in fewer bytes on a board: the same program, in which no two names are taken for one another."""

import ast
import json
import tokenize

from support import ROOT

from twinkle_host.flash import image
from twinkle_host.flash.compiling import compile_to_mpy
from twinkle_host.flash.shortening import FIRMWARE_HAS, short_names
from twinkle_host.paths import FIRMWARE, UMQTT

LINK = FIRMWARE / "twinkle" / "core" / "link.py"
PICO = json.loads((ROOT / "boards" / "pico_w.json").read_text())


def test_a_name_that_the_devices_files_have_from_each_other_is_short_on_the_board_and_an_applications_is_not():
    files = image.build(PICO)
    link, device = files["twinkle/core/link.mpy"], files["twinkle/core/device.mpy"]
    for name in (b"TOKEN_S", b"Liveness"):
        assert name not in link + device, "the device has it from there"
    assert short_names()[LINK]["Liveness"] == short_names()[LINK.with_name("device.py")]["Liveness"]
    for name, file in (
        ("own_temperature", "core/board"),
        ("BadRequest", "core/errors"),
        ("on_message", "app"),
    ):
        assert not any(name in names for names in short_names().values())
        assert name.encode() in files[f"twinkle/{file}.mpy"]


def test_a_name_that_the_firmware_has_is_in_a_file_by_its_number(tmp_path):
    file = tmp_path / "kitchen.py"
    file.write_text("def f(o):\n" + "".join(f"    o.{name}\n" for name in FIRMWARE_HAS))
    content = compile_to_mpy(file)
    assert not [name for name in FIRMWARE_HAS if name.encode() in content]
    short = {short for names in short_names().values() for short in names.values()}
    assert len(short & set(FIRMWARE_HAS)) > 50
    # `for … in range(…)` and `super()` are code of their own (py/compile.c), whatever is behind the name.
    assert not short & {"const", "range", "super", "send", "throw", "close", "args", "value"}


def test_no_name_of_somebody_elses_objects_is_shortened():
    own, others = {name for names in short_names().values() for name in names}, set()
    for file in [*(ROOT / ".twinkle" / "stubs").rglob("*.pyi"), UMQTT]:
        for node in ast.walk(ast.parse(file.read_text())):
            others |= {getattr(node, kind, None) for kind in ("name", "attr", "id", "arg")}
    assert {"ticks_diff", "unique_id", "load_cert_chain", "set_callback"} <= others
    # What begins with an underscore and constants are a file's own.
    assert not {name for name in own if name[0] != "_" and not name.isupper()} & others


def test_names_that_may_meet_on_the_board_have_different_short_ones():
    names = short_names()
    for file, short in names.items():
        with file.open() as text:
            words = {
                token.string
                for token in tokenize.generate_tokens(text.readline)
                if token.type == tokenize.NAME
            }
        assert len(short) == len(set(short.values())) and not words & set(short.values()), file
    contract = FIRMWARE / "twinkle" / "ports" / "contract.py"
    for kin in (contract.with_name("pico.py"), contract.with_name("rpi.py")):
        assert names[kin] == names[contract], "their classes inherit from its class"
    # What stands for a device, by __getattr__, has no short name that is another name of the device's.
    stand_in = names[LINK.with_name("provisioning.py")]
    assert "def __getattr__" in LINK.with_name("provisioning.py").read_text()
    public = {name: short for each in names.values() for name, short in each.items() if name[0].islower()}
    for name, short in stand_in.items():
        assert not [other for other in public if public[other] == short and other != name], name
    everywhere = {short for each in names.values() for short in each.values()}
    assert len(everywhere) < 0.7 * len({name for each in names.values() for name in each})
