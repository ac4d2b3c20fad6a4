"""The console's verbs for what a board file names. Loaded with the console where it does."""

from .console import Verbs
from .errors import BadRequest

OUTPUTS = "outputs [NAME on | off | blink SECONDS | brightness 0..1]"


class WiredVerbs(Verbs):
    """The verbs over a WiredDevice."""

    def help(self, now):
        return super().help(now) + [
            "%-48s %s" % line
            for line in (
                (OUTPUTS, "what the outputs show; switch one"),
                ("inputs", "which inputs are active"),
                ("sensors [NAME]", "one sample of each sensor, or of one"),
            )
        ]

    def outputs(self, rest, now):
        found = self._device.board.outputs
        if not rest:
            return [(name, found[name].level) for name in found]
        name, _, words = rest.partition(" ")
        _need(found, name)
        return self.led(words.strip(), now, found[name], OUTPUTS)

    def inputs(self, now):
        device = self._device
        found = [(name, device.board.inputs[name].value) for name in device.board.inputs]
        # Edges that nobody knows of: the line moved too often between two looks.
        return found + [("lostEdges", device.lost)] if device.lost else found

    def sensors(self, rest, now):
        if rest:
            _need(self._device.board.sensors, rest)
        return Round(
            [rest] if rest else list(self._device.board.sensors), self._device, self._console
        ).go_on()

    ALONE = dict(Verbs.ALONE, help=help, inputs=inputs)
    WITH_WORDS = dict(Verbs.WITH_WORDS, outputs=outputs, sensors=sensors)


class Round:
    """Reads the sensors of these names for ``console``."""

    def __init__(self, names, device, console):
        self._left = names
        self._device = device
        self._console = console
        self._found = []

    def go_on(self):
        """What there is when all have been read; None until then."""
        if not self._left:
            return self._found
        self._device.measure(self._left.pop(0), self)
        return None

    def on_measured(self, name, sample):
        """A sensor was read; see WiredDevice.measure."""
        self._found.append((name, sample))
        if self.go_on() is None:
            return
        failed = [each for each, about in self._found if "failed" in about]
        if failed:
            self._console.fail(500, "failed: " + ", ".join(failed), self._found)
        else:
            self._console.finish(self._found)


def _need(parts, name):
    if name not in parts:
        raise BadRequest("there is no %s; there are: %s" % (name, parts), 404)
