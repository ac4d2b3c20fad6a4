"""A device to which more is wired: outputs, inputs and sensors, by the names of its board file. Loaded where it names
some.

What it asks of the runtime beside what stands in actions, each with one outcome as there:

    ("wire", "drive", name, level)   let an output show ``level``, 0.0 to 1.0
    ("wire", "look")                 what the inputs' lines have done: (edges, lost); an edge is (name, level 0 or 1,
                                     the moment in milliseconds), the oldest first, and ``lost`` how many were not kept
    ("wire", "measure", name)        read a sensor: {"temperature": °C, "humidity": % relative}, either None where it
                                     is not known, and ``failed`` with the reason, if it did not answer sensibly
"""

from .device import Device
from .errors import SetupError

LOOK_MS = 50  # between two looks at the inputs


class Named:
    """Parts of one ``kind`` by their names. SetupError for a name that the board file has not, with those it has."""

    def __init__(self, kind, parts):
        self._kind = kind
        self._parts = parts

    def __getitem__(self, name):
        if name in self._parts:
            return self._parts[name]
        text = "the board file has no %s %s; there are: %s" % (self._kind, name, self)
        raise SetupError(text, "name it there")

    def __contains__(self, name):
        return name in self._parts

    def __iter__(self):
        return iter(sorted(self._parts))

    def __len__(self):
        return len(self._parts)

    def __str__(self):
        return ", ".join(sorted(self._parts)) or "none"


class WiredDevice(Device):
    """A Device with the ``parts`` of a board file: {"outputs", "inputs", "sensors"}, each by names."""

    def __init__(self, parts, app, *arguments):
        outputs, inputs, sensors = [parts.get(name) or {} for name in ("outputs", "inputs", "sensors")]
        self._look_at = None  # while there is nothing to look at, or it is looked
        if inputs:
            from .inputs import Input

            inputs = {name: Input(inputs[name]) for name in inputs}
            self._look_at = 0
        self.inputs = inputs
        super().__init__(app, *arguments)
        context, board = self.context, self.board
        self.lost = 0  # edges of inputs that were not kept
        self._dark = False  # the last look failed
        self._callers = []  # (sensor's name, who wants to know)
        if outputs:
            from .outputs import Output

            outputs = {name: Output(context, name, outputs[name]) for name in outputs}
        if sensors:
            from .sensors import NamedSensor, WiredSampler

            sensors = {name: NamedSensor(context, name) for name in sensors}
            self.sampler = WiredSampler(
                *(app.samples, board, self.sensor, self.telemetry, self.configuration, context)
            )
        board.outputs, board.inputs = Named("output", outputs), Named("input", inputs)
        board.sensors = Named("sensor", sensors)
        self._outputs = list(outputs.values())
        self._sensors = list(sensors.values())

    def verbs(self, *arguments):
        """The console's verbs; see Verbs."""
        from .wired_verbs import WiredVerbs

        return WiredVerbs(*arguments)

    def measure(self, name, caller):
        """Read a sensor for somebody, whose ``on_measured(name, sample)`` is called."""
        self._callers.append((name, caller))
        self.context.act(("wire", "measure", name))

    def on_done(self, action, result, now):
        """As of a Device."""
        if action[0] != "wire":
            super().on_done(action, result, now)
        elif action[1] == "look":
            self._on_look(result, now)
        elif action[1] == "measure":
            self._on_measured(action[2], result, now)

    def on_failed(self, action, error, now):
        """As of a Device."""
        text = str(error) or "out of memory"
        if action[0] != "wire":
            super().on_failed(action, error, now)
        elif action[1] == "look":
            self._look_at = now + LOOK_MS
            if not self._dark:
                self.context.say("error", "inputs: " + text)
            self._dark = True
        elif action[1] == "measure":
            self._on_measured(action[2], {"failed": text}, now)
        else:
            self.context.say("error", "output %s: %s" % (action[2], text))

    def on_answer(self, key, value, error, final):
        """A handler of an input has answered; see Tasks."""
        name, at = key
        try:
            if error:
                raise error
            self.telemetry.add(value, None, at)
        except (Exception, SystemExit) as failed:
            self.context.failed("input " + name, failed)

    def due(self, now):
        """As of a Device."""
        times = [super().due(now), self._look_at]
        times += [part.due() for part in self._outputs]
        times += [part.due() for part in self.inputs.values()]
        return max(now, min([at for at in times if at is not None]))

    def _go_on(self, now):
        super()._go_on(now)
        for output in self._outputs:
            output.step(now)
        for name in self.inputs:
            self._tell(name, self.inputs[name].step(now), now)
        if self._look_at is not None and now >= self._look_at:
            self._look_at = None
            self.context.act(("wire", "look"))

    def _on_look(self, result, now):
        edges, lost = result
        self._look_at = now + LOOK_MS
        self._dark = False
        self.lost += lost
        while edges:
            # One by one: what there is no memory for is told again, and these are not.
            name, level, at = edges.pop(0)
            self._tell(name, self.inputs[name].on_edge(level, at), now)

    def _tell(self, name, changes, now):
        handler = self.app.inputs.get(name)
        for active, at in changes if handler else ():
            self.tasks.start(now, self, (name, at), "input " + name, handler, self.board, active)

    def _on_measured(self, name, sample, now):
        waited = self.sampler.settles(name, "failed" in sample, now)
        callers = [each for each in self._callers if each[0] == name]
        if waited or callers:
            self.board.sensors[name].take(sample, now)
        self._callers = [each for each in self._callers if each[0] != name]
        for _, caller in callers:
            caller.on_measured(name, sample)
        if waited:
            self.sampler.on_measured(now)

    def _reconcile(self, reported, now):
        super()._reconcile(reported, now)
        for sensor in self._sensors:
            sensor.reconcile(reported)
