"""What a line turns out to lead to that is no running device, and the command that comes next."""

from ..failure import NOT_ONLINE, Failure

PROMPTS = (b">>> ", b"... ")  # MicroPython's, and its own in the middle of a statement
PROBE = "import os; print('there:', *os.listdir('/'))"
THERE = "there:"
SHORTEST = 16  # bytes by which one can tell that they are no text
SPEED = 115200  # baud, of the lines that boards have

# What MicroPython's prompt means: for the first of these that holds of the files on the board.
MEANINGS = (
    (
        lambda files: "main.py" not in files or "board.json" not in files,
        "MicroPython's prompt, and no program of ours is on the board",
        "twinkle flash pico_w --port {port}",
    ),
    (
        lambda files: "hold" in files,
        "MicroPython's prompt, since the board's files are not whole",
        "twinkle flash pico_w --port {port}",
    ),
    (
        lambda files: "credentials.json" not in files,
        "MicroPython's prompt, since the device has no credentials yet",
        "twinkle provision pico_w --port {port} --wifi NETWORK",
    ),
    (
        lambda files: True,
        "MicroPython's prompt: the device is held, or its program has ended",
        "mpremote connect {port} reset",
    ),
)


class Met(Failure):
    """Somebody else than a running device is there."""

    def __init__(self, text: str):
        super().__init__(text, NOT_ONLINE)


def at_prompt(port: str, files: list[str]) -> Met:
    """What is to be said of a board that is at MicroPython's prompt and has these files."""
    met, command = next((met, command) for holds, met, command in MEANINGS if holds(files))
    return Met(f"{port}: {met}. Next: {command.format(port=port)}")


def no_text(port: str) -> Met:
    """What is to be said of a line on which bytes come that nobody has written."""
    return Met(
        f"{port}: what comes is no text, as from a line at another speed than {SPEED} baud. Is it a Pico W's own USB "
        "port? Next: twinkle flash pico_w, without --port, finds a board by its USB number"
    )


def is_text(heard: bytes) -> bool:
    """Whether these bytes may be what a device says: UTF-8, but for few that are cut or lost."""
    text = heard.decode(errors="replace")
    odd = sum(
        character == "\ufffd" or (character < " " and character not in "\r\n\t\x1b") for character in text
    )
    return len(heard) < SHORTEST or odd * 4 < len(text)
