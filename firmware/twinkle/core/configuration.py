"""The configuration in force. What comes to take its place is seen to by ``applying``."""

from .document import missing


class Configuration:
    """``applied`` is in force, for ``period_s`` between two samples; ``status`` is what came of the last offer.

    ``applying`` is the one on its way, an Applying, or None when there is none.
    """

    status = None  # before the first offer
    applying = None

    def __init__(self, applied, context):
        from .applying import seconds

        self.take(applied, seconds(applied["sendFrequency"]))
        self._context = context

    def take(self, applied, period_s):
        """This is in force from now on."""
        self.applied = applied
        self.period_s = period_s

    def has(self, config_id):
        """Whether it is this one that is in force."""
        # True equals 1 in Python, but is no id.
        return config_id == self.applied["configId"] and config_id is not True

    def on_desired(self, desired):
        """Look at the whole desired document and begin what it asks for."""
        config_id = desired.get("configId")
        if not self.applying:
            if config_id is None or self.has(config_id):
                return
            from .applying import Applying

            self.applying = Applying(self, self._context)
        self.applying.on_desired(desired)
        self._end()

    def on_reported(self):
        """The hub has answered all that was reported of it."""
        if self.applying:
            self.applying.fire("acknowledged")

    def on_stored(self, error, desired):
        """Flash has taken the record (``error`` None) or not; then look at ``desired`` again."""
        self.applying.on_stored(error, desired)
        self._end()

    def reconcile(self, reported):
        """Report what the hub's copy of the reported properties lacks or has wrong."""
        wanted = (self.applying or self).report()
        # A restart in the middle leaves a stage at the hub that is over here.
        if wanted.get("status") is None and "status" in reported:
            wanted["status"] = "Success"
        wanted.setdefault("reason", None)
        self._context.report("config", missing(wanted, reported))

    def report(self):
        """What is to be reported when none is on its way."""
        return dict(self.applied, status=self.status, pendingConfig=None)

    def _end(self):
        if self.applying.is_over():
            self.applying = None
