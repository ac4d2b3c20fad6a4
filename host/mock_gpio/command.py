"""``twinkle board``: a simulated Pico W on a serial line, for whoever has none on the table."""

import inspect
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path

import click

from ..device_directory import alone
from ..failure import EXIT_STATUSES, NOT_FOUND, Failure
from ..paths import MICROPYTHON, state_home
from ..screen import show, show_json
from .serial_board import SerialBoard

NUMBERS = ("temperature", "humidity", "lag")
ROOM = (*NUMBERS, "fault")
SPEEDS = (9600, 115200)


class Switches:
    """What can be done to ``board`` while it runs: a word, what follows it, and what it does."""

    def __init__(self, board: SerialBoard):
        self._board = board
        self._plugged = True

    def unplug(self) -> None:
        """take the cable and the power away"""
        if self._plugged:
            self._plugged = False
            self._board.unplug()

    def plug(self) -> None:
        """plug it in again"""
        if not self._plugged:
            self._plugged = True
            self._board.plug_in()

    def stall(self) -> None:
        """hold back what it says, as a line does that nobody reads"""
        self._board.stalled = True

    def flow(self) -> None:
        """let it speak again"""
        self._board.stalled = False

    def hang(self) -> None:
        """let the program hang; unplug and plug end that"""
        if self._plugged:
            self._board.hang()

    def speed(self, baud: str = "none") -> None:
        """BAUD or none: make it a line that has a speed"""
        if baud != "none" and (not baud.isdigit() or int(baud) not in SPEEDS):
            raise Failure(f"a speed is none, {', '.join(map(str, SPEEDS))}")
        self._board.speed = None if baud == "none" else int(baud)

    def hold(self, on: str = "on") -> None:
        """on | off: connect its hold pin (GP22) to ground, for the next start"""
        if on not in ("on", "off"):
            raise Failure("hold is on or off")
        self._board.tell("inputs", {"22": 0} if on == "on" else {})

    def wifi(self, air: str = "there") -> None:
        """there | gone | refused | deaf: what the radio is in"""
        if air not in ("there", "gone", "refused", "deaf"):
            raise Failure("the radio is in there, gone, refused or deaf")
        self._board.tell("air", {"wifi": air})

    def room(self, *members: str) -> None:
        """temperature=31 humidity=40 lag=0 fault=absent: what the sensor is in"""
        told = dict(member.partition("=")[::2] for member in members)
        try:
            room = {name: float(value) if name in NUMBERS else value for name, value in told.items()}
        except ValueError as error:
            raise Failure(str(error)) from None
        if not set(room) <= set(ROOM):
            raise Failure(f"a room has {', '.join(ROOM)}")
        self._board.tell("sensor", {"temperature": 21.5, "humidity": 40.0, **room})

    def turn(self, line: str) -> None:
        """Do what a line says; Failure when it says nothing that there is."""
        try:
            word, *rest = shlex.split(line) or [""]
        except ValueError as error:
            raise Failure(str(error)) from None
        if word and word not in SWITCHES:
            raise Failure(f"there is no {word}; there are {', '.join(SWITCHES)}")
        if not word:
            return
        try:
            inspect.signature(SWITCHES[word]).bind(self, *rest)
        except TypeError:
            raise Failure(f"{word}: {SWITCHES[word].__doc__}") from None
        SWITCHES[word](self, *rest)


SWITCHES = {
    name: function for name, function in vars(Switches).items() if not name.startswith("_") and name != "turn"
}


@click.command(
    epilog="\b\nExample: twinkle board\n"
    "         twinkle board --erase --do 'room temperature=31'\n\n"
    "\b\nSwitches, typed while it runs or given with --do:\n"
    + "\n".join(f"  {name:<7} {function.__doc__}" for name, function in SWITCHES.items())
    + "\n\n"
    + EXIT_STATUSES
)
@click.argument("name", default="board")
@click.option(
    "--erase", is_flag=True, help="Begin with bare MicroPython; without it, with what is on its flash."
)
@click.option(
    "--do", "first", multiple=True, metavar="SWITCH", help="Turn a switch before anything is typed."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def board(name: str, erase: bool, first: tuple[str, ...], as_json: bool) -> None:
    """A simulated Pico W on a serial line, until Ctrl-C: MicroPython, its prompt and a flash that is kept.

    mpremote, twinkle flash, provision and console take its port for a board's. It is bare at first.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise click.UsageError(f"{name!r} is no name for a board: letters, digits, - and _")
    if not MICROPYTHON.exists():
        raise Failure("MicroPython is missing on this computer; twinkle doctor says how to get it", NOT_FOUND)
    folder = state_home() / "boards" / name
    with alone(folder, "board"):
        if erase:
            for thing in folder.iterdir():
                if thing.name != "lock":
                    is_folder = thing.is_dir() and not thing.is_symlink()
                    shutil.rmtree(thing) if is_folder else thing.unlink()
        run(folder, first, as_json)


def run(folder: Path, first: tuple[str, ...], as_json: bool) -> None:
    """The board, until somebody ends it."""
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    made = SerialBoard(folder)
    switches = Switches(made)
    try:
        made.plug_in()
        for line in first:
            switches.turn(line)
        if as_json:
            show_json({"port": made.port, "world": str(made.bench)})
        else:
            show(f"A simulated Pico W is at {made.port}; Ctrl-C takes it away. In another terminal:")
            show(f"  twinkle flash pico_w --port {made.port}")
            show(f"  twinkle console --port {made.port}")
            show(f"Typed here: {', '.join(SWITCHES)} (twinkle board --help)")
        threading.Thread(target=listen, args=(switches, ended), daemon=True).start()
        ended.wait()
    except KeyboardInterrupt:
        if not as_json:
            show("")
    finally:
        made.unplug()
        signal.signal(signal.SIGTERM, before)


def listen(switches: Switches, ended: threading.Event) -> None:
    """Turn the switches that are typed; the end of the input, as in the background, leaves them as they are."""
    for line in sys.stdin:
        if ended.is_set():
            return
        try:
            switches.turn(line)
        except Failure as failure:
            failure.show()
