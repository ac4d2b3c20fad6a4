"""Errors, cut by who is at fault, because that decides what happens next.

    BadRequest     the caller: a method payload or a desired value we refuse
    HubError       the hub said no: credentials, identity, limits
    WireError      the line between: unreachable, silent, cut, not to be trusted
    HardwareError  this board: sensor, flash, radio
    SetupError     the person who set the device up: files, settings

Every error carries a ``remedy``: what to do next, in a few words. ``str()``
joins both. Texts never hold credentials.
"""


class TwinkleError(Exception):
    """What all of ours have in common: a text, and what to do about it."""

    reported = False  # whether a connection that ended by it is worth telling the hub

    def __init__(self, text, remedy=""):
        super().__init__(text)
        self.text = text
        self.remedy = remedy

    def __str__(self):
        return self.text + ": " + self.remedy if self.remedy else self.text


class BadRequest(TwinkleError):
    """The caller asked for something that cannot be done.

    ``status`` is what a direct method answers with (400 unless said, 100 to 599) and what
    a writable property is acknowledged with.
    """

    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


class HubError(TwinkleError):
    """The hub refused. ``code`` is the CONNACK or twin status code."""

    def __init__(self, text, remedy="", code=0):
        super().__init__(text, remedy)
        self.code = code


class WireError(TwinkleError):
    """The line failed: the next step is always to connect again."""


class ProtocolError(WireError):
    """The hub, or what stands there, does not keep to the protocol; the hub is told once the device is back."""

    reported = True


class Unreachable(WireError):
    """No connection was made that could have failed. ``answered``: somebody said so, by refusing it."""

    answered = False


class HardwareError(TwinkleError):
    """Something on this board did not do its part."""


class SetupError(TwinkleError):
    """The device was set up wrongly; trying again will not help."""


class Held(Exception):
    """Nobody's fault: no program is to be run this time, since somebody wants the interpreter's prompt."""
