"""What a board must offer where its board file names outputs, inputs or further sensors. Loaded where it does.

The module beside a port's, ``pico_wiring`` beside ``pico``, has a subclass of Wiring; ``tests/boards/test_contract.py``
holds each to what stands here. HardwareError is the only error that a method may raise; what is made of the board file
at the start may raise SetupError, too.
"""

from ..core.errors import HardwareError

MOST_EDGES = 32  # of one input that are kept between two looks


class Wiring:
    """What is named in ``settings``, the content of a board file, on a ``port``. Outputs are off at once."""

    def __init__(self, port, settings):
        self._port = port
        self._parts = {name: settings.get(name) or {} for name in ("outputs", "inputs", "sensors")}

    def device(self, *arguments):
        """A Device, with these of its arguments, to which all this is wired."""
        from ..core.wiring import WiredDevice

        return WiredDevice(self._parts, *arguments)

    def do(self, what, *arguments):
        """Perform an action of core.wiring by one of the next methods."""
        return getattr(self, what)(*arguments)

    def drive(self, name, level):
        """Let an output show ``level``, 0.0 to 1.0; one without PWM is on at every level above 0. Returns at once."""
        raise HardwareError("this board has no output " + name)

    def look(self):
        """What the lines of all inputs have done since the last call, at the first what they are.

        ``(edges, lost)``, as in core.wiring, those of each input in their order. They are noted when they happen,
        whatever the program does meanwhile, and MOST_EDGES of each input, the newest, are kept. Returns at once.
        """
        return [], 0

    def measure(self, name):
        """One sample of a sensor: see core.wiring, and contract.Port.read_sensor for how long it blocks.

        ``model`` "own" is the board's own temperature.
        """
        try:
            if self._parts["sensors"][name].get("model") == "own":
                temperature, humidity = self._port.own_temperature(), None
                if temperature is None:
                    raise HardwareError("this board does not know its own temperature")
            else:
                temperature, humidity = self.read(name)
        except HardwareError as error:
            known = getattr(error, "sample", (None, None))
            return {"temperature": known[0], "humidity": known[1], "failed": str(error)}
        return {"temperature": temperature, "humidity": humidity}

    def read(self, name):
        """``(temperature, humidity)`` of a sensor that is no "own"; as contract.Port.read_sensor."""
        raise HardwareError("this board has no sensor " + name)

    def close(self):
        """Switch the outputs off and let go of all pins. Called once, at the end; raises nothing."""
