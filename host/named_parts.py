"""What a board file names: its outputs, inputs and sensors, and what an application wants of them.

Facts about pins are the hardware's (``boards/hardware``). Each check answers sentences, none if nothing is wrong.
"""

import ast
import re
from pathlib import Path
from typing import Any

# By kind: each member, and what it is: a type, or one of these words.
KINDS: dict[str, dict[str, Any]] = {
    "outputs": {"pin": int, "pwm": bool, "frequency": int, "active": ("high", "low")},
    "inputs": {
        "pin": int,
        "pull": ("up", "down", "none"),
        "active": ("high", "low"),
        "debounce": int,
        "event": ("change", "on", "off", "level"),
    },
    "sensors": {"model": ("DHT11", "DHT22", "own"), "pin": int, "pulseio": bool},
}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
DEBOUNCE_MS = (0, 1000)
SINGULAR = {"outputs": "output", "inputs": "input", "sensors": "sensor"}


def wrong_member(where: str, member: Any, wanted: Any) -> str | None:
    """What is wrong with a member, if its value is to be ``wanted``, a type or one of some words."""
    if isinstance(wanted, tuple) and isinstance(wanted[0], str):
        return None if member in wanted else f"{where} must be one of {', '.join(wanted)}, not {member!r}"
    if not isinstance(member, wanted) or isinstance(member, bool) != (wanted is bool):
        return f"{where} has a value of the wrong kind"
    return None


def member_problems(kind: str, parts: dict[str, Any]) -> list[str]:
    """Of all parts of a kind: names, members and their values, the pins left aside."""
    wrong: list[str] = []
    for name, about in parts.items():
        where = f"{kind}.{name}"
        if kind == "outputs" and name.lower() == "led":
            wrong.append(f"{where}: this is the name of the board's LED, which is the member 'led'")
        elif not NAME.fullmatch(name):
            wrong.append(f"{where}: a name is a letter and up to 31 letters, digits, _ and -")
        elif not isinstance(about, dict):
            wrong.append(f"{where} must be an object such as {{'pin': 6}}")
        else:
            wrong += _members(kind, where, about)
    return wrong


def _members(kind: str, where: str, about: dict[str, Any]) -> list[str]:
    wrong = []
    for key, value in about.items():
        if key not in KINDS[kind]:
            wrong.append(f"{where} has no member {key!r}; there are {', '.join(KINDS[kind])}")
        elif fault := wrong_member(f"{where}.{key}", value, KINDS[kind][key]):
            wrong.append(fault)
    if wrong:
        return wrong
    if kind == "sensors" and "model" not in about:
        wrong.append(f"{where} lacks 'model'")
    if about.get("model") == "own" and len(about) > 1:
        wrong.append(f"{where} is the board's own temperature, which has a model and nothing else")
    if not DEBOUNCE_MS[0] <= about.get("debounce", 0) <= DEBOUNCE_MS[1]:
        wrong.append(f"{where}.debounce must be from {DEBOUNCE_MS[0]} to {DEBOUNCE_MS[1]} milliseconds")
    if "frequency" in about and not about.get("pwm"):
        wrong.append(f"{where}.frequency is for an output with pwm")
    return wrong


def wired(settings: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """What has a pin: its kind, a text that names it, and what the board file says of it."""
    found = [(part, part, settings[part]) for part in ("led", "sensor", "hold") if part in settings]
    for kind in KINDS:
        found += [
            (SINGULAR[kind], f"{SINGULAR[kind]} {name}", about)
            for name, about in settings.get(kind, {}).items()
            if about.get("model") != "own"
        ]
    return found


def pin_problems(settings: dict[str, Any], hardware: dict[str, Any]) -> list[str]:
    """Pins that there are none of, that are taken, used twice, or cannot do what they are to do."""
    wrong, used = [], {}
    for kind, name, about in wired(settings):
        pin = about.get("pin")
        where, facts = f"pin {pin} of the {name}", hardware["pins"].get(str(pin), {})
        pull = hardware.get("pulled", {}).get(str(pin))
        if pin is None:
            wrong.append(f"the {name} has no pin")
        elif str(pin) in hardware["taken"]:
            wrong.append(f"{where} is taken on a {hardware['name']}: {hardware['taken'][str(pin)]}")
        elif not facts:
            wrong.append(f"{where} does not exist on a {hardware['name']}")
        elif pin in used:
            wrong.append(f"{where} is already used by the {used[pin]}")
        elif about.get("pwm") and not facts["pwm"]:
            wrong.append(f"{where} cannot be dimmed (pwm) on a {hardware['name']}")
        elif kind != "led" and "header" not in facts:
            wrong.append(f"{where} is not on the header; nothing can be wired to it")
        elif kind == "input" and pull and about.get("pull", "up") != pull:
            wrong.append(
                f"{where} has a resistor on the board that pulls it {pull}; its pull can be nothing else"
            )
        used[pin] = name
    return wrong + _frequency_problems(settings, hardware)


def _frequency_problems(settings: dict[str, Any], hardware: dict[str, Any]) -> list[str]:
    wrong = []
    least, most = hardware["pwm"]["frequency"]
    pulsed = [
        (name, about["pin"], about.get("frequency", hardware["pwm"]["usual"]))
        for _, name, about in wired(settings)
        if about.get("pwm") and isinstance(about.get("pin"), int)
    ]
    for at, (name, pin, hertz) in enumerate(pulsed):
        if not least <= hertz <= most:
            wrong.append(
                f"the frequency of the {name} must be from {least} to {most} Hz on a {hardware['name']}"
            )
        for other, other_pin, other_hertz in pulsed[:at] if hardware["pwm"].get("slices") else ():
            # RP2040 data sheet, 4.5.2: GPIO n has channel n modulo 16, and two channels make a slice.
            if pin % 16 == other_pin % 16 and pin != other_pin:
                wrong.append(
                    f"pin {pin} of the {name} has the PWM channel of pin {other_pin} of the {other}; "
                    "pins that are 16 apart show the same"
                )
            elif pin % 16 // 2 == other_pin % 16 // 2 and hertz != other_hertz:
                wrong.append(
                    f"pin {pin} of the {name} has the PWM frequency of pin {other_pin} of the {other}, which is "
                    f"{other_hertz} Hz; give both the same, or use another pin"
                )
    return wrong


def notes(settings: dict[str, Any], hardware: dict[str, Any]) -> list[str]:
    """What is no mistake, and worth knowing: pins that have other uses where these are switched on."""
    return [
        f"pin {about['pin']} of the {name} is also {hardware['uses'][str(about['pin'])]}"
        for _, name, about in wired(settings)
        if str(about.get("pin")) in hardware.get("uses", {})
    ]


def lacking(settings: dict[str, Any], app: Path) -> list[str]:
    """What an application names that the board file does not: ``@app.input("door")``, ``board.outputs["fan"]``."""
    try:
        tree = ast.parse(app.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return []  # which is said elsewhere, in other words
    wanted = {
        (kind, name): line
        for node in ast.walk(tree)
        for kind, name, line in _names(node)
        if name not in (settings.get(kind) or {})
    }
    return [
        f"{app.name}:{line}: it wants the {SINGULAR[kind]} {name!r}; the board file has "
        + (", ".join(sorted(settings.get(kind) or {})) or "none")
        for (kind, name), line in sorted(wanted.items(), key=lambda each: each[1])
    ]


def _names(node: ast.AST) -> list[tuple[str, str, int]]:
    if isinstance(node, ast.FunctionDef):
        return [
            ("inputs", each.args[0].value, each.lineno)
            for each in node.decorator_list
            if isinstance(each, ast.Call)
            and isinstance(each.func, ast.Attribute)
            and each.func.attr == "input"
            and each.args
            and isinstance(each.args[0], ast.Constant)
            and isinstance(each.args[0].value, str)
        ]
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in KINDS
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        return [(node.value.attr, node.slice.value, node.lineno)]
    return []
