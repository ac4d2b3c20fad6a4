"""The program as a service of systemd: what it tells systemd, and what it asks of it.

Type=notify: sd_notify(3) says that it is ready, and feeds the watchdog that WatchdogSec= asks for.
Started by hand, none of that is there, and nothing is told to anybody.
"""

import faulthandler
import os
import re
import socket
import subprocess

from ..core.errors import HardwareError

FEED_MS = 1000  # the watchdog is fed once in this time
ASK_S = 20  # for systemd's answer; the watchdog is not fed meanwhile
REBOOT_S = 60  # until systemd has ended us
LOOK_MS = 1000
ENTRY = "main.py"
FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')  # Python's documentation, module faulthandler


class Service:
    """This process, as systemd sees it. ``ticks()`` is monotonic milliseconds, ``sleep(ms)`` waits."""

    def __init__(self, ticks, sleep):
        self._ticks = ticks
        self._sleep = sleep
        self._notifier = os.environ.get("NOTIFY_SOCKET")
        self._watched = "WATCHDOG_USEC" in os.environ
        self._fed = 0
        self._starts = ""  # the file in which starts are counted
        self._place = None  # the file, open, that faulthandler writes

    def ready(self):
        """The start is over."""
        self._notify("READY=1")

    def feed(self):
        """Feed the watchdog."""
        now = self._ticks()
        if self._watched and now - self._fed >= FEED_MS:
            self._fed = now
            self._notify("WATCHDOG=1")

    def count_start(self):
        """How many starts in a row there were: counted in the runtime directory, which lies in memory."""
        folder = os.environ.get("RUNTIME_DIRECTORY")
        if not folder:
            return 1
        self._starts = os.path.join(folder, "starts")
        try:
            with open(self._starts) as file:
                starts = int(file.read()) + 1
        except (OSError, ValueError):
            starts = 1
        self._write_starts(starts)
        return starts

    def stuck(self):
        """Where the program was when a signal such as the watchdog's ended it (SIGABRT, systemd.service(5)).

        Written by faulthandler into the runtime directory.
        """
        if not self._starts:
            return None
        path = os.path.join(os.path.dirname(self._starts), "place")
        try:
            with open(path, errors="replace") as file:
                found = place(file.read())
        except OSError:
            found = None  # there was no start before this one
        try:
            self._place = open(path, "w")  # noqa: SIM115 (for as long as the program runs)
            faulthandler.enable(self._place)
        except OSError:
            self._place = None  # without a place to write to, it is not written
        return found

    def forget_starts(self):
        """Begin to count anew."""
        self._write_starts(0)

    def reboot(self):
        """Restart the computer: systemd ends this process with SIGTERM. HardwareError says why it does not."""
        # systemd is not told that this stops (STOPPING=1): it would take that for the answer to a SIGTERM
        # which it then does not send, and wait for the end until its limit.
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        try:
            done = subprocess.run(
                ["systemctl", "--no-ask-password", "reboot"],
                capture_output=True,
                text=True,
                timeout=ASK_S,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HardwareError("systemd cannot be asked for a restart (%s)" % error) from None
        if done.returncode:
            raise HardwareError(
                "systemd refused to restart the computer (%s)" % " ".join(done.stderr.split()),
                "allow the service's user org.freedesktop.login1.reboot and reboot-multiple-sessions (polkit)",
            )
        end = self._ticks() + REBOOT_S * 1000
        while self._ticks() < end:
            self.feed()
            self._sleep(LOOK_MS)
        raise HardwareError("systemd was asked to restart the computer, and did not")

    def _notify(self, text):
        # sd_notify(3): a datagram to a socket whose name may be abstract.
        if self._notifier:
            address = "\0" + self._notifier[1:] if self._notifier[0] == "@" else self._notifier
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.connect(address)
                notify.send(text.encode())

    def _write_starts(self, number):
        if not self._starts:
            return
        try:
            with open(self._starts, "w") as file:
                file.write(str(number))
        except OSError:
            self._starts = ""  # without a place to count, it is not counted


def place(text):
    """``kitchen.py:12 (warm)`` from what faulthandler has written of the program's own thread, or None.

    The application's handler, if the program was in one: the last frame outside of it before its own.
    """
    own = os.path.dirname(os.path.dirname(__file__)) + os.sep
    for thread in text.split("\n\n"):
        frames = FRAME.findall(thread)
        if not any(os.path.basename(file) == ENTRY for file, _, _ in frames):
            continue
        inside = [at for at, frame in enumerate(frames) if frame[0].startswith(own)]
        file, line, function = frames[max(0, min(inside, default=0) - 1)]
        return "%s:%s (%s)" % (os.path.basename(file), line, function)
    return None
