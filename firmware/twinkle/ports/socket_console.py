"""A console on a local socket: for one technician at a time, on the computer itself.

Who may open the socket may use it: its mode is 0660, its group the program's own.
"""

import contextlib
import os
import socket

from ..core.errors import SetupError

LONGEST_BURST = 1024
BUSY = b"err 409 somebody else is at this console\r\n"


class SocketConsole:
    """Listens at ``path``. What is shown while nobody is there is gone."""

    def __init__(self, path):
        self._path = path
        self._guest = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove(path)  # what a program that was killed has left
            self._listener.bind(path)
            os.chmod(path, 0o660)
            self._listener.listen(2)
        except OSError as error:
            self._listener.close()
            raise SetupError(
                "the console's socket %s cannot be made (%s)" % (path, error),
                "check console.socket in the board file",
            ) from None
        self._listener.setblocking(False)

    def typed(self):
        """What the guest has typed; new guests are seen to."""
        data = self._read()
        if self._guest is None or not data:  # else he may have left, which is not known before all is read
            self._welcome()
        return data or self._read()

    def _read(self):
        if self._guest is None:
            return b""
        try:
            data = self._guest.recv(LONGEST_BURST)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._dismiss()
            return b"\x03"  # half a line is not the next one's
        return data

    def show(self, data):
        """How many bytes the guest's socket took."""
        if self._guest is None:
            return len(data)
        try:
            return self._guest.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._dismiss()
            return len(data)

    def close(self):
        """Send the guest away and remove the socket."""
        if self._guest is not None:
            self._dismiss()
        with contextlib.suppress(OSError):  # the next start removes what is left
            self._listener.close()
            _remove(self._path)

    def _welcome(self):
        # Nobody is there, or somebody who has left already, or there is no descriptor for one more.
        with contextlib.suppress(OSError):
            guest, _ = self._listener.accept()
            guest.setblocking(False)
            if self._guest is None:
                self._guest = guest
            else:
                with guest:
                    guest.send(BUSY)

    def _dismiss(self):
        guest, self._guest = self._guest, None
        with contextlib.suppress(OSError):
            guest.close()


def _remove(path):
    if os.path.exists(path):
        os.remove(path)
