"""From bytes that come in whenever they like to whole lines."""

LONGEST = 1024  # bytes; what is longer is cut there and refused by the console


class Lines:
    """Collects a line. What is no text is shown as ``?``, so it cannot harm a terminal."""

    def __init__(self):
        self._line = bytearray()

    def feed(self, data):
        """The lines that ``data`` completes, without their ends."""
        found = []
        for byte in data:
            if byte in b"\r\n":
                if self._line:
                    found.append(str(self._line, "ascii"))
                    self._line = bytearray()
            elif byte == 8 or byte == 127:
                self._line = self._line[:-1]
            elif byte == 3:
                self._line = bytearray()  # Ctrl-C: never mind
            elif len(self._line) < LONGEST:
                self._line.append(byte if 32 <= byte < 127 else ord("?"))
        return found
