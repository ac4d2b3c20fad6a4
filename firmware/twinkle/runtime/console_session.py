"""Sees to whoever types: brings the console when the first line comes, and lets it go again.

The console's modules are a tenth of what a Pico W has, and most of the time nobody
is there. What there is no memory for is refused, and does not cost the connection.

While the line is waited for, everything is answered that does not need it. What needs it,
and a restart, waits with all that was typed after it until the line is free.
"""

import gc

from .. import compat
from .log import plain

LOOK_MS = 20  # however fast messages come, keys are looked at no oftener than that
GONE_MS = 120000  # who types nothing for this long has gone
# What needs the line; the last ends in a restart, and nothing is to be stored in between.
LINE = ("scan", "join", "test", "forget")
MODULES = ("core.console", "core.console_help", "core.wired_verbs", "runtime.maintenance")


class ConsoleSession:
    """Between ``runner``'s device and its terminal."""

    def __init__(self, runner):
        self._runner = runner
        self._terminal = runner.terminal
        self._console = None
        self._looked = 0
        self._typed = 0  # when the last line was

    def step(self, now):
        """Take lines in, and do what the console asks for."""
        lines = ()
        if self._terminal.more or now - self._looked >= LOOK_MS:
            self._looked = now
            lines = self._terminal.lines()
        try:
            if lines:
                self._typed = now
                self._take(lines)
            if self._console:
                for action in self._console.step(now):
                    self._perform(action)
                if now - self._typed > GONE_MS:
                    self._leave()
        except MemoryError:
            self._refuse()

    def due(self):
        """Whether there is something to do at once."""
        return self._terminal.flush() or self._terminal.more or (self._console and self._console.due())

    def do(self, what, *arguments):
        """Do what only the runtime can, and tell the console."""
        console = self._console  # who waits for the line may have gone, before or meanwhile
        if not console:
            return
        try:
            from .maintenance import Maintenance

            result = getattr(Maintenance(self._runner), what)(*arguments)
        except MemoryError:
            self._refuse()
        except Exception as error:
            # Whatever it is, it ends what was typed, and not the program.
            console.on_done(None, error)
        else:
            console.on_done(result)

    def _refuse(self):
        self._leave()
        self._terminal.show("err 507 there is not enough memory for that now")

    def _leave(self):
        self._console = None
        # Another console is not to be told what this one has asked for.
        self._runner.line = [action for action in self._runner.line if action[0] != "do"]
        for name in MODULES:
            compat.unload("twinkle." + name)

    def _take(self, lines):
        if not self._console:
            from ..core.console import Console

            gc.collect()
            self._console = Console(self._runner.device)
        for line in lines:
            self._console.on_line(line)

    def _perform(self, action):
        if action[0] == "print":
            # A payload that is given back may hold anything.
            self._terminal.show(plain(action[1]))
        elif action[0] == "do" and action[1] not in LINE:
            self.do(*action[1:])
        else:
            self._runner.line.append(action)
