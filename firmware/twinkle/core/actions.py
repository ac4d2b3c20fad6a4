"""What a device asks of the runtime, and how it is told what came of it.

An action is a tuple that begins with its name. The functions below make them, and are all there
are, but for core.wiring's. The runtime performs an action and then tells its one outcome, whatever it met
meanwhile:

    on_done(action, result, now)     it is done; ``result`` is described with the action
    on_failed(action, error, now)    it is not: ``error`` is what was raised, or None when it was
                                     not tried since the connection ended before

Actions for the board are performed at once. Those for the line may take a minute each and are
performed in their order; until the outcome of one is told the runtime calls go_on() in the place
of step(). When the line fails, what still waits for it is told as failed.

Two orders are promises, and follow from outcomes: a configuration is stored before it is
reported as applied, and a method is answered before the device restarts.
"""

from .document import combine, refused

LINE = ("connect", "publish", "ping", "disconnect")
# Modules of the core that are loaded when they are needed, for a moment; the runtime lets go of them.
SELDOM = "twinkle.core.applying twinkle.core.signature"
LONGEST_ERROR = 256  # characters of a text that is reported as lastError


def connect(username, expiry):
    """Connect as ``username``, with a token good until ``expiry`` (UTC), and subscribe."""
    return "connect", username, expiry


def publish(topic, payload, qos=0):
    """Publish; with QoS 1 it is done when the hub has acknowledged it."""
    return "publish", topic, payload, qos


def ping():
    """Ask the hub for a sign of life; done when it has been sent."""
    return ("ping",)


def disconnect():
    """Leave in good order."""
    return ("disconnect",)


def reset(reason, wanted=True):
    """Restart the device, after what waits for the line; ``wanted``: somebody has asked for it."""
    return "reset", reason, wanted


def read():
    """Read the sensor. The result is described in telemetry.Sampler.on_reading."""
    return ("read",)


def led(level):
    """Let the LED show ``level``, 0.0 to 1.0."""
    return "led", level


def store(name, record):
    """Write a record, a dict; None deletes it. Done when it is on flash."""
    return "store", name, record


def say(level, text):
    """A line for the log; ``level`` is debug, info, warning or error."""
    return "say", level, text


class Context:
    """What each part of a device is given: a place for what it asks for, says and reports.

    ``utc`` is the time of the step under way in seconds since 1970, or None while it is not known.
    """

    def __init__(self):
        self.utc = None
        self.last_error = None
        self.explain = repr  # an application's error in words; the runtime has better ones
        self.enter = bool  # the port's, see there; this one does nothing, and finds nothing slow
        self.actions = []  # asked for since they were last taken
        self.reports = []  # [reporter, patch] that wait to be sent, oldest first
        self.refused = 0  # reported members that the hub will not take
        self._admitted = None  # the text that was reported last

    def act(self, action):
        """Ask for an action."""
        self.actions.append(action)

    def say(self, level, text):
        """A line for the log."""
        if level == "error":
            self.last_error = text
        self.actions.append(say(level, text))

    def report(self, reporter, patch):
        """Queue members of the reported properties; None deletes a member.

        ``reporter`` names the part that reports. What the hub would not take is dropped, member by member,
        and named in ``lastError``; when all the rest of the part's has been answered, its on_reported()
        is called.
        """
        good = {}
        for name, value in patch.items():
            if isinstance(value, dict) and value.get("__t") == "c":
                # A component's members, each by itself.
                good[name] = {
                    inner: value[inner] for inner in value if self._may(name, {inner: value[inner]})
                }
            elif self._may(name, value):
                good[name] = value
        for entry in self.reports:
            if entry[0] == reporter:
                combine(entry[1], good)
                return
        if good:
            self.reports.append([reporter, combine({}, good)])

    def _may(self, name, value):
        fault = refused(name, value)
        if fault:
            self.refuse(name, fault)
        return not fault

    def refuse(self, name, why):
        """A reported member is dropped, since the hub does not take it."""
        self.refused += 1
        text = "%s cannot be reported: %s" % (str(name)[:64], why)
        if name == "lastError":
            self.say("error", text)
        else:
            self.complain(text)

    def call(self, what, handler, *arguments):
        """Have a handler of the application's do its work; ``what`` it is called where it does not come to an end."""
        self.enter(what)
        try:
            return handler(*arguments)
        finally:
            slow = self.enter(None)
            if slow:
                self.say("warning", what + slow)

    def failed(self, what, error):
        """Log and report that a handler has failed; ``error`` is what it raised, or a text. Answers the words."""
        text = "%s failed: %s" % (what, error if isinstance(error, str) else self.explain(error))
        self.complain(text)
        return text

    def complain(self, text):
        """Log what went wrong, and report it as ``lastError`` unless that is what was reported last."""
        self.say("error", text)
        self.admit(text)

    def admit(self, text):
        """Report ``lastError``."""
        text = text[:LONGEST_ERROR]
        if text != self._admitted:
            self._admitted = text
            self.report("device", {"lastError": text})

    def taken(self):
        """The actions asked for, oldest first; they are no longer here then."""
        actions, self.actions = self.actions, []
        return actions
