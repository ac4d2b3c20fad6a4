"""The console of whoever types. Loaded for their first line; see terminal.

While the line is waited for, everything is answered that does not need it. What needs it,
and a restart, waits with all that was typed after it until the line is free.
"""

from ..core.console import Console
from .log import plain

GONE_MS = 120000  # who types nothing for this long has gone
# What needs the line; the last ends in a restart, and nothing is to be stored in between.
LINE = ("scan", "join", "test", "forget")


class ConsoleSession:
    """Between ``runner``'s device and its terminal."""

    def __init__(self, runner):
        self._runner = runner
        self._console = Console(runner.device)
        self._typed = 0  # when the last line was

    def step(self, lines, now):
        """Answer ``lines``, and do what the console asks for."""
        if lines:
            self._typed = now
        for line in lines:
            self._console.on_line(line)
        for action in self._console.step(now):
            self._perform(action)
        if now - self._typed > GONE_MS:
            self._runner.terminal.dismiss()

    def due(self):
        """Whether there is something to do at once."""
        return self._console.due()

    def do(self, what, *arguments):
        """Do what only the runtime can, and tell the console."""
        if self._runner.terminal.dialogue is not self:
            return  # who waited for the line has gone
        try:
            from .maintenance import Maintenance

            result = getattr(Maintenance(self._runner), what)(*arguments)
        except MemoryError:
            self._runner.terminal.refuse()
        except Exception as error:
            # Whatever it is, it ends what was typed, and not the program.
            self._console.on_done(None, error)
        else:
            self._console.on_done(result)

    def _perform(self, action):
        if action[0] == "print":
            # A payload that is given back may hold anything.
            self._runner.terminal.show(plain(action[1]))
        elif action[0] != "do":
            self._runner.line.append(action)
        elif action[1] in LINE:
            self._runner.line.append(("do", self) + action[1:])
        else:
            self.do(*action[1:])
