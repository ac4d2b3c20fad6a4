"""A terminal, or another computer at the end of the line, that gives back all that the board shows.

It comes back as typed: serial lines joined by mistake, a program that echoes, a console that is looped.
The device is the one of silent_line.py. For both interpreters.
"""

from silent_line import World

from twinkle import App
from twinkle.core.console import Verbs
from twinkle.core.console_help import HELP

QUIET_MS = 1000  # in which nothing was shown: the exchange has ended
WORDS = ("on", "off", "blink 1", "scan", 'set "a" --open', "nothing", "info", "methods", "")


def namesakes():
    """An application with methods that have the names of verbs."""
    app = App(config={"configId": 1, "sendFrequency": "1h"})
    for verb in list(Verbs.ALONE) + list(Verbs.WITH_WORDS):
        app.method(verb)(lambda board, payload: "status")
    return app


class Echo:
    """In a world, whose log is shown on the console, too."""

    def __init__(self, world):
        self.shown = []
        self._typed = b""
        world.port.show, world.port.typed = self._show, self._take
        world.log._write = world.runner.terminal.note
        self._world = world

    def _show(self, data):
        self.shown.append(str(data, "utf-8").strip())
        self._typed += data
        return len(data)

    def _take(self):
        typed, self._typed = self._typed, b""
        return typed

    def type(self, line):
        """What was shown for this line, and for what came back of it, until there was nothing more."""
        before = len(self.shown)
        self._typed += line.encode() + b"\r"
        quiet, count = self._world.now + QUIET_MS, before
        while self._world.now < quiet:
            self._world.run(10)
            if len(self.shown) > count:
                quiet, count = self._world.now + QUIET_MS, len(self.shown)
                assert count - before < 100, (line, self.shown[-4:])
        return self.shown[before:]


def test_what_the_board_shows_asks_it_nothing():
    with World(app=namesakes()) as world:
        world.until(world.ready)
        world.run(1000)
        echo, led = Echo(world), len(world.port.shown)
        verbs = [line.split(" ")[0].rstrip(":") for line in HELP.split("\n")]
        for verb in [verb for verb in verbs if verb not in ("reboot", "hold", "selftest")]:
            for words in WORDS if verb != "led" else [""]:
                for form in ("", " --json"):
                    assert echo.type((verb + " " + words).strip() + form), verb
        assert world.ready() and world.port.resets == []
        assert len(world.port.shown) == led, "the LED obeyed an echo"
        assert "hub: ok" in echo.type("selftest")


def test_a_line_of_the_log_comes_back_once():
    with World(app=namesakes()) as world:
        world.until(world.ready)
        world.run(1000)
        echo = Echo(world)
        for level in ("info", "warning", "error"):
            world.log.say(level, "help")
        assert len(echo.type("")) <= 6, echo.shown


def test_an_answer_that_there_is_no_memory_for_more_is_given_once():
    def full(lines, now):
        raise MemoryError

    with World() as world:
        world.until(world.ready)
        world.run(1000)
        Echo(world).type("version")
        world.runner.terminal.dialogue.step = full
        assert Echo(world).type("help") == ["err 507 there is not enough memory for that now"]
