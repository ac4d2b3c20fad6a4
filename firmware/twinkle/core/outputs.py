"""Named outputs: each does what an LED can do. Loaded where a board file names one."""

from .board import Led
from .errors import BadRequest


class Output(Led):
    """An output: what an LED can do. ``level`` is what it shows now, 0.0 to 1.0; ``dims``: it has PWM."""

    def __init__(self, context, name, about):
        super().__init__(context)
        self.dims = about.get("pwm", False)
        self._name = name

    def dim(self, brightness):
        """As of an LED."""
        if 0 < brightness < 1 and not self.dims:
            raise BadRequest("the output %s is on or off; the board file gives it no pwm" % self._name)
        super().dim(brightness)

    def _light(self, level):
        if level != self.level:
            self.level = level
            self._context.act(("wire", "drive", self._name, level))
