"""Records on flash: small JSON documents that are there whole or not at all.

One record is one file: its JSON on the first line, the CRC-32 of that line in
hex on the second. A new version is written to a file beside it, pushed to the
disk and renamed over the old one, which both littlefs and Linux do in one step.
A power cut leaves the old record or the new one.

A record that does not match its checksum, or cannot be used, is put aside as ``NAME.bad``, told
and treated as absent. Writing what is already there is left out, since flash
wears: a Pico's holds about 100,000 erases a block.
"""

import json
import os

from .. import compat
from ..core.errors import HardwareError, TwinkleError

LARGEST = 4096  # bytes of one record


class Store:
    """The records in one directory, each of ``largest`` bytes at most. ``say(level, text)`` logs."""

    def __init__(self, directory, say, largest=LARGEST):
        self._directory = directory
        self._say = say
        self._largest = largest
        self._known = {}  # name -> body that is on flash
        self.writes = 0
        self.damaged = []  # names of records that were put aside
        try:
            os.mkdir(directory)
        except OSError as error:
            if error.args[0] != 17:  # it exists
                raise HardwareError(
                    "the directory %s cannot be made (%s)" % (directory, error), "check the disk"
                ) from None

    def load(self, name, use=None):
        """The record, or None when there is none.

        ``use(record)`` may refuse it, by an error, as a damaged one.
        """
        path = self.path(name)
        try:
            with open(path, "rb") as file:
                # MicroPython sets apart what is asked for, be the file ever so small.
                data = file.read(min(os.stat(path)[6], self._largest + 16))
        except OSError:
            return None
        body, _, mark = data.partition(b"\n")
        try:
            record = json.loads(body)
            if int(mark, 16) != compat.crc32(body) or not isinstance(record, dict):
                raise ValueError
            if use:
                use(record)
        except (ValueError, RuntimeError, KeyError, TypeError, TwinkleError):
            # RuntimeError: nested deeper than the parser can go.
            self.damaged.append(name)
            self._say("error", "record %s was damaged; %s" % (name, self._keep(path)))
            return None
        self._known[name] = body
        return record

    def _keep(self, path):
        try:
            os.rename(path, path + ".bad")
        except OSError as error:
            return "it cannot be put aside (%s)" % error
        return "it is kept as %s.bad" % path

    def save(self, name, record):
        """Write ``record``; None removes it. Raises HardwareError and keeps the old one if it cannot."""
        try:
            if record is None:
                self._remove(name)
            else:
                self._write(name, json.dumps(record).encode())
        except OSError as error:
            raise HardwareError("flash: %s" % error, "is it full?") from None

    def clear(self):
        """Remove every record, and what is left of damaged ones."""
        try:
            for name in os.listdir(self._directory):
                os.remove(self._directory + "/" + name)
        except OSError as error:
            raise HardwareError("flash: %s" % error) from None
        self._known = {}
        self.writes += 1

    def _write(self, name, body):
        if self._known.get(name) == body:
            return
        if len(body) > self._largest:
            raise HardwareError("record %s of %d bytes is over %d" % (name, len(body), self._largest))
        path = self.path(name)
        try:
            with open(path + ".new", "wb") as file:
                file.write(body + b"\n%08x" % compat.crc32(body))
                compat.sync(file)
            os.rename(path + ".new", path)
        except OSError:
            self._discard(path + ".new")
            raise
        compat.sync_directory(self._directory)
        self._known[name] = body
        self.writes += 1

    def _remove(self, name):
        self._known.pop(name, None)
        if self._discard(self.path(name)):
            compat.sync_directory(self._directory)
            self.writes += 1

    def _discard(self, path):
        try:
            os.remove(path)
            return True
        except OSError as error:
            if error.args[0] != 2:  # it is not there
                raise
            return False

    def path(self, name):
        """Where a record is."""
        return self._directory + "/" + name + ".json"
