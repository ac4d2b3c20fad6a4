"""The mistakes that an author makes most, and what must be said of each: rows of docs/mistakes.md.

``tools/mistakes`` runs them and writes that page; test_what_is_printed.py runs them and looks for the words.
"""

import re
from typing import Any, NamedTuple

HEAD = """from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "1s"})


"""
TELEMETRY = "@app.telemetry\ndef sample(board):\n"
METHOD = '@app.method("warm")\ndef warm(board, payload):\n'
WRITABLE = '@app.writable("level")\ndef level(board, value):\n'
DESIRED = '@app.desired("climate")\ndef climate(board, delta, merged):\n'
MESSAGE = "@app.message\ndef note(board, properties, payload):\n"
INPUT = '@app.input("door")\ndef door(board, active):\n'
DOOR = {"inputs": {"door": {"pin": 20}}}


class Row(NamedTuple):
    """One mistake. ``said`` are words that are printed, or those of CPython and of MicroPython; "" for nothing;
    "…" stands for a figure that is another one each time, see ``says``.

    ``call``: the payload with which the method ``warm`` is called; ``desired``: a change; ``message``: one from the
    cloud; ``fault``: what the sensor has; ``parts``: what the board file names, with inputs that become active one by
    one. Without them a few seconds pass.
    """

    title: str
    code: str
    said: str | tuple[str, str]
    call: Any = "-"
    desired: dict[str, Any] | None = None
    message: bytes | None = None
    fault: str | None = None
    parts: dict[str, Any] | None = None
    head: str = HEAD


def says(text: str, words: str) -> bool:
    """Whether a line of the text has these words of a row."""
    return re.search(r"[\d.]+".join(map(re.escape, words.split("…"))), text) is not None


ROWS = [
    # --- told by run, flash and dev, before a device has it
    Row(
        "a method's decorator without its name",
        "@app.method\n" + METHOD.partition("\n")[2] + "    return 1\n",
        'kitchen.py:6: ValueError: write @app.method("name")',
    ),
    Row(
        "a writable property's decorator without its name",
        "@app.writable\ndef level(board, value):\n    pass\n",
        'kitchen.py:6: ValueError: write @app.writable("name")',
    ),
    Row(
        "desired properties without their path",
        "@app.desired\ndef climate(board, delta, merged):\n    pass\n",
        'kitchen.py:6: ValueError: write @app.desired("name")',
    ),
    Row(
        "telemetry's decorator with parentheses",
        "@app.telemetry()\ndef sample(board):\n    return {}\n",
        "kitchen.py:6: TypeError: ",
    ),
    Row(
        "a decorator that is misspelled",
        '@app.methods("warm")\ndef warm(board, payload):\n    return 1\n',
        "kitchen.py:6: TypeError: 'dict' object is",
    ),
    Row(
        "a handler without the argument that it does not need",
        '@app.method("warm")\ndef warm(board):\n    return 1\n',
        "kitchen.py:7: warm(board) is called as warm(board, payload)",
    ),
    Row(
        "two methods of one name",
        METHOD + "    return 1\n\n\n" + METHOD.replace("def warm", "def hot") + "    return 2\n",
        'kitchen.py:11: ValueError: write @app.method("name"), once for each name',
    ),
    Row(
        "two handlers of messages",
        MESSAGE + "    pass\n\n\n" + MESSAGE.replace("note", "other") + "    pass\n",
        "kitchen.py:11: ValueError: write @app.message once",
    ),
    Row(
        "an input's decorator without its name",
        "@app.input\n" + INPUT.partition("\n")[2] + "    pass\n",
        'kitchen.py:6: ValueError: write @app.input("name")',
        parts=DOOR,
    ),
    Row(
        "a handler of an input without the argument that it does not need",
        INPUT.replace(", active", "") + '    board.log("somebody is there")\n',
        "kitchen.py:7: door(board) is called as door(board, active)",
        parts=DOOR,
    ),
    Row(
        "an input that the board file does not name",
        INPUT + "    pass\n",
        "kitchen.py:6: it wants the input 'door'; the board file has gate",
        parts={"inputs": {"gate": {"pin": 20}}},
    ),
    Row(
        "an output that the board file does not name",
        INPUT + '    board.outputs["fan"].on()\n',
        "kitchen.py:8: it wants the output 'fan'; the board file has none",
        parts=DOOR,
    ),
    Row("a colon that is missing", "def warm(board)\n    return 1\n", "kitchen.py:6: SyntaxError: "),
    Row(
        "a line that is indented wrongly",
        TELEMETRY + "    value = 1\n      return {}\n",
        "kitchen.py:9: IndentationError: ",
    ),
    Row("a name that nobody has defined", "LIMIT = MAXIMUM\n", "kitchen.py:6: NameError: name 'MAXIMUM' is"),
    Row(
        "a package that is not there",
        "import numpy\n",
        (
            "kitchen.py:6: ModuleNotFoundError: No module named 'numpy'",
            "kitchen.py:6: ImportError: no module named 'numpy'",
        ),
    ),
    Row(
        "a second file beside the application",
        "from sauces import pesto\n",
        (
            "kitchen.py:6: ModuleNotFoundError: No module named 'sauces'",
            "kitchen.py:6: ImportError: no module named 'sauces'",
        ),
    ),
    Row(
        "a module that MicroPython has not",
        "import dataclasses\n",
        ("", "kitchen.py:6: ImportError: no module named 'dataclasses'"),
    ),
    Row(
        "syntax that MicroPython has not",
        'match "a":\n    case _:\n        pass\n',
        ("", "kitchen.py:6: SyntaxError: invalid syntax"),
    ),
    Row(
        "an application of another name",
        "application = App()\n",
        "kitchen.py: ValueError: it has no app: write app = App()",
        head="from twinkle import App\n\n",
    ),
    Row(
        "an argument that App does not have",
        'app = App(model="dtmi:com:example:Kitchen;1")\n',
        "kitchen.py:3: TypeError: ",
        head="from twinkle import App\n\n",
    ),
    Row(
        "a frequency that is none",
        'app = App(config={"configId": 1, "sendFrequency": "5 minutes"})\n',
        "kitchen.py: BadRequest: sendFrequency must be a number and a unit",
        head="from twinkle import App\n\n",
    ),
    Row(
        "an application that ends the program",
        "import sys\n\nsys.exit()\n",
        "kitchen.py: it ends the program when it is imported",
    ),
    # --- told by the device
    Row(
        "a division by zero in telemetry",
        TELEMETRY + '    return {"ratio": board.humidity / 0}\n',
        (
            "telemetry failed: kitchen.py:8: ZeroDivisionError: float division by zero",
            "telemetry failed: kitchen.py:8: ZeroDivisionError: divide by zero",
        ),
    ),
    Row(
        "arithmetic with a value that the sensor did not give",
        TELEMETRY + '    return {"fahrenheit": board.temperature * 1.8 + 32}\n',
        "telemetry failed: kitchen.py:8: TypeError: unsupported",
        fault="absent",
    ),
    Row(
        "telemetry that is a number",
        TELEMETRY + "    return board.temperature\n",
        "telemetry failed: ValueError: it returned a float, and no dict",
    ),
    Row(
        "telemetry that is no number",
        TELEMETRY + '    return {"temp": float("nan")}\n',
        "telemetry failed: BadRequest: value['temp'] is not finite",
    ),
    Row(
        "telemetry with a set",
        TELEMETRY + '    return {"temps": {21.5, 22.0}}\n',
        "telemetry failed: BadRequest: value['temps'] is of type set",
    ),
    Row(
        "telemetry with bytes",
        TELEMETRY + '    return {"raw": b"21.5"}\n',
        "telemetry failed: BadRequest: value['raw'] is of type bytes",
    ),
    Row(
        "telemetry that yields",
        TELEMETRY + '    yield {"temp": board.temperature}\n',
        "telemetry failed: ValueError: it returned a generator, and no dict",
    ),
    Row(
        "telemetry of more than 4 KB",
        TELEMETRY + '    return {"text": "x" * 4096}\n',
        "telemetry failed: ValueError: its 4108 bytes are over 4096",
    ),
    Row(
        "a member of board that is misspelled",
        METHOD + "    return board.temperatur > 20\n",
        "method warm failed: kitchen.py:8: AttributeError: 'Board' object has no attribute 'temperatur'",
        call=None,
    ),
    Row(
        "a payload that is not there",
        METHOD + '    return payload["seconds"]\n',
        (
            "method warm failed: kitchen.py:8: TypeError: 'NoneType' object is not subscriptable",
            "method warm failed: kitchen.py:8: TypeError: 'NoneType' object isn't subscriptable",
        ),
        call=None,
    ),
    Row(
        "a member of a payload that is not there",
        METHOD + '    return payload["seconds"]\n',
        "method warm failed: kitchen.py:8: KeyError: ",
        call={},
    ),
    Row(
        "an answer with a set",
        METHOD + '    return {"rooms": {"kitchen", "attic"}}\n',
        "method warm failed: its answer is not JSON: value['rooms'] is of type set",
        call=None,
    ),
    Row(
        "a status that is none",
        METHOD + "    return 99999999999, {}\n",
        "method warm failed: the status 99999999999 is not from 100 to 599",
        call=None,
    ),
    Row(
        "payload and status in the wrong order",
        METHOD + '    return {"warm": True}, 200\n',
        "method warm failed: its answer is not JSON: value is of type tuple",
        call=None,
    ),
    Row(
        "a generator that yields what is no time",
        METHOD + '    yield float("inf")\n',
        "method warm failed: OverflowError: ",
        call=None,
    ),
    Row(
        "a method that never comes to its end",
        METHOD + "    return warm(board, payload)\n",
        (
            "method warm failed: kitchen.py:8: RecursionError: maximum recursion depth exceeded",
            "maximum recursion depth exceeded",
        ),
        call=None,
    ),
    Row(
        "a handler that ends the program",
        "import sys\n\n\n" + METHOD + '    sys.exit("it is warm enough")\n',
        "method warm failed: kitchen.py:11: SystemExit: it is warm enough",
        call=None,
    ),
    Row(
        "an LED that blinks how it cannot",
        METHOD + '    board.led.blink("fast")\n',
        'answer 400 {"error": "the blink interval must be a number of seconds"}',
        call=None,
    ),
    Row(
        "an exception of one's own where BadRequest is meant",
        WRITABLE + '    if value > 9:\n        raise ValueError("too high")\n',
        "writable level failed: kitchen.py:9: ValueError: too high",
        desired={"level": 10},
    ),
    Row(
        "a value in force that is no JSON",
        WRITABLE + "    return {value}\n",
        "writable level failed: reported['level'] is of type set",
        desired={"level": 3},
    ),
    Row(
        "a desired property of another kind than expected",
        DESIRED + '    board.log("up to " + merged["degrees"])\n',
        "desired climate failed: kitchen.py:8: TypeError: ",
        desired={"climate": {"degrees": 21}},
    ),
    Row(
        "a desired property that was deleted",
        DESIRED + '    board.log(delta["degrees"])\n',
        (
            "desired climate failed: kitchen.py:8: TypeError: 'NoneType' object is not subscriptable",
            "desired climate failed: kitchen.py:8: TypeError: 'NoneType' object isn't subscriptable",
        ),
        desired={"climate": None},
    ),
    Row(
        "a report that is no JSON",
        METHOD + '    board.report({"seen": {1, 2}})\n',
        "seen cannot be reported: reported['seen'] is of type set",
        call=None,
    ),
    Row(
        "a message that is taken for a text",
        MESSAGE + '    board.log("heard " + payload)\n',
        "message failed: kitchen.py:8: TypeError: ",
        message=b"hello",
    ),
    Row(
        "an input by a name that is worked out, and not in the board file",
        'SIDE = "back"\n\n\n' + INPUT.replace('"door"', 'SIDE + "door"') + "    pass\n",
        "kitchen.py: it wants the input 'backdoor'; the board file has door",
        parts=DOOR,
    ),
    Row(
        "an input's handler that fails",
        INPUT + '    board.inputs["door"].count += 1\n',
        "input door failed: kitchen.py:8: AttributeError: 'Input' object has no attribute 'count'",
        parts=DOOR,
    ),
    Row(
        "an input's handler that returns no dict",
        INPUT + "    return active\n",
        "input door failed: ValueError: it returned a bool, and no dict",
        parts=DOOR,
    ),
    Row(
        "properties that are no function",
        'app = App(properties={"colour": "red"})\n',
        (
            "properties failed: TypeError: 'dict' object is not callable",
            "properties failed: TypeError: 'dict' object isn't callable",
        ),
        head="from twinkle import App\n\n",
    ),
    Row(
        "a handler that sleeps",
        "import time\n\n\n" + METHOD + "    time.sleep(1.2)\n",
        "method warm took … s, while nothing else went on: a handler yields seconds to wait",
        call=None,
    ),
]
