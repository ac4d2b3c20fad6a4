"""A technician's session: a line to type on, everything that is said above it, and a record of both.

The line is edited here and sent whole. The prompt is the device's name. Verbs and their arguments are completed
from the device's own ``help`` and ``methods``; what was typed is remembered from one session to the next,
and said and answered are written to a log with the time, both without the password
of a Wi-Fi network. A board that restarts is waited for.
"""

import contextlib
import datetime
import re
import threading
from collections.abc import Callable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import DynamicCompleter, WordCompleter
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from ..failure import Failure
from ..paths import state_home
from ..screen import plain, show
from .dialogue import Dialogue
from .line import Gone, Line, come_back
from .met import Met

NAME = "twinkle"  # in the prompt, of a device that has none yet
WAIT_S = 3600.0  # for a board that has gone
HELP_S = 10.0  # as long as a TLS handshake may take a device
SET_WIFI = re.compile(r'(\s*wifi\s+set\s+("[^"]*"|\S+))(.*)', re.DOTALL)


class Record:
    """The log of a session: ``TIME > typed`` and ``TIME < said``."""

    def __init__(self, file: Path):
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()

    def note(self, mark: str, text: str) -> None:
        """Write a line."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        with self._lock, self.file.open("a", encoding="utf-8") as file:
            file.write(f"{now} {mark} {plain(text)}\n")


class Discreet(FileHistory):
    """A history that forgets passwords."""

    def append_string(self, string: str) -> None:
        """Remember a line."""
        super().append_string(without_password(string))


def without_password(text: str) -> str:
    """The line as it may be kept."""
    return SET_WIFI.sub(lambda found: found[1] + (" ***" if found[3].strip() else ""), text)


def _words(usages: list[str]) -> list[str]:
    """What can be typed, by the lines of ``help``."""
    words = []
    for line in map(plain, usages):
        usage = line[:48].strip()
        verb, _, choices = usage.partition(" ")
        words.append(verb)
        for choice in choices.strip("[]").split(" | "):
            literal = [word for word in choice.split() if word.islower()]
            words += [f"{verb} {literal[0]}"] if literal else []
    return words


class Session:
    """The session over the line that ``open_again()`` opens."""

    def __init__(self, line: Line, open_again: Callable[[], Line], record: Record):
        state_home().mkdir(parents=True, exist_ok=True, mode=0o700)
        self._line, self._talk = line, Dialogue(line)
        self._open_again = open_again
        self._record = record
        self._name, self._words = NAME, []
        self._ended = False

    def run(self) -> None:
        """Until the technician leaves with Ctrl-D."""
        show(f"{self._line.name}; this session is recorded in {self._record.file}")
        try:
            self._learn()
        except Met:
            self._line.close()
            raise
        show(
            "help names the verbs, Tab completes them, Ctrl-D leaves"
            if self._words
            else "the device does not answer yet"
        )
        prompts: PromptSession[str] = PromptSession(
            history=Discreet(str(state_home() / "console-history")),
            completer=DynamicCompleter(lambda: WordCompleter(self._words, sentence=True)),
            complete_while_typing=False,
        )
        listener = threading.Thread(target=self._listen, daemon=True)
        with patch_stdout(raw=True):
            listener.start()
            while True:
                try:
                    text = prompts.prompt(lambda: f"{self._name}> ")
                    found = SET_WIFI.fullmatch(text)
                    if found and not found[3].strip():
                        # A session of its own: what is typed here goes into no history.
                        secret = PromptSession[str]().prompt(
                            "password (empty if the network is open): ", is_password=True
                        )
                        text = f'{found[1]} "{secret}"' if secret else f"{found[1]} --open"
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    break
                self._send(text)
        self._ended = True
        listener.join()
        self._line.close()

    def _learn(self) -> None:
        """The device's name, and the verbs and their words for completion. Met when it is no device that runs."""
        try:
            self._words = _words(self._talk.ask("help", HELP_S, self._said).lines())
            methods = self._talk.ask("methods", HELP_S, self._said)
            self._words += [f"call {plain(name)}" for name in methods.lines()]
            status = self._talk.ask("status", HELP_S, self._said)
        except Met:
            raise
        except Failure:  # what has not been learned is typed in full
            return
        result = status.document.get("result")
        name = result.get("device") if isinstance(result, dict) else None
        self._name = plain(name) if isinstance(name, str) and name else NAME

    def _send(self, text: str) -> None:
        if not text.strip():
            return
        self._record.note(">", without_password(text))
        try:
            self._talk.say(text)
        except Gone:
            show("the device is not there; it is waited for")

    def _listen(self) -> None:
        told = False  # that it is at MicroPython's prompt
        while not self._ended:
            try:
                text = self._talk.hear()
            except Gone:
                self._note("the device has gone; waiting for it to come back")
                self._line.close()
                if not self._wait():
                    return
                self._note("it is back")
                continue
            if text is not None:
                self._said(text)
                told = False
            elif self._talk.at_prompt and not told:
                told = True
                self._tell_meaning()

    def _said(self, text: str) -> None:
        self._record.note("<", text)
        show(text)

    def _tell_meaning(self) -> None:
        with contextlib.suppress(Gone):  # which the next read will notice
            self._note(self._talk.meaning().message)

    def _wait(self) -> bool:
        while not self._ended:
            try:
                self._line = come_back(self._open_again, 0.5)
                self._talk = Dialogue(self._line)
                return True
            except Failure:
                continue
        return False

    def _note(self, text: str) -> None:
        self._record.note("-", text)
        show(f"({text})")
