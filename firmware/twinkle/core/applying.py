"""A configuration on its way to be applied, exactly once per ``configId``. Loaded for it.

Desired properties carry ``configId`` (a number or a text) and ``sendFrequency``
(``"30s"``, ``"5m"``, ``"24h"``). The id is the trigger: an id equal to the
applied one does nothing, whatever stands beside it. A new id goes through

    IDLE ──offer──▶ PENDING ──acknowledged──▶ STORING ──stored──▶ IDLE (applied)

and the service sees each stage in the reported properties:

    pending    {"status": "Pending", "pendingConfig": {…}}
    applied    {"configId": …, "sendFrequency": …, "status": "Success", "pendingConfig": null}
    rejected   {"status": "Rejected", "reason": …, "pendingConfig": null}; the old value stays
    failed     {"status": "Failed", "reason": …, "pendingConfig": null}; flash would not take it

PENDING lasts until the hub has acknowledged the report of it; a later offer
takes its place, so the last one wins and the first never claims success.
Nothing is reported as applied that is not on flash: a power cut at any moment
leaves the old or the new configuration, and the report says which.
"""

from . import actions
from .errors import BadRequest
from .topics import number

IDLE = "idle"
PENDING = "pending"
STORING = "storing"

UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST_S = 7 * 24 * 3600
LONGEST_ID = 256  # characters


def seconds(frequency):
    """``"5m"`` to 300. BadRequest says what is wrong with anything else."""
    hint = 'sendFrequency must be a number and a unit, such as "30s", "5m" or "24h"'
    if not isinstance(frequency, str) or frequency[-1:] not in UNITS:
        raise BadRequest(hint)
    count = number(frequency[:-1])
    if count is None or len(frequency) > 9:
        raise BadRequest(hint)
    value = count * UNITS[frequency[-1]]
    if not 1 <= value <= LONGEST_S:
        raise BadRequest("sendFrequency must be from 1s to 7 days")
    return value


def read(config_id, frequency):
    """The configuration of these two; BadRequest says what is wrong with them."""
    if isinstance(config_id, bool) or not isinstance(config_id, (int, str)):
        raise BadRequest("configId must be a whole number or a text")
    if isinstance(config_id, str) and len(config_id) > LONGEST_ID:
        raise BadRequest("configId is longer than %d characters" % LONGEST_ID)
    seconds(frequency)
    return {"configId": config_id, "sendFrequency": frequency}


class Applying:
    """What is to take the place of ``configuration``, from the offer until the outcome has been told.

    A reason that was told, why the last one was not applied, is kept until another one is.
    """

    def __init__(self, configuration, context):
        self.state = IDLE
        self.reason = self._told_reason = None
        self._configuration = configuration
        self._candidate = None  # what is to be applied
        self._rejected = None
        self._context = context

    def is_over(self):
        """Whether nothing of it is to be remembered."""
        return self.state == IDLE and not (self.reason or self._told_reason)

    def on_desired(self, desired):
        """Look at the whole desired document and begin what it asks for."""
        configuration = self._configuration
        config_id = desired.get("configId")
        if config_id is None or configuration.has(config_id):
            # While storing it is too late to withdraw; on_stored looks again.
            if self.state == PENDING or (config_id is not None and self.reason):
                self._settle("Success", None)
                self.fire("withdraw")
            return
        offer = (config_id, desired.get("sendFrequency", configuration.applied["sendFrequency"]))
        if offer == self._rejected:
            return
        try:
            candidate = read(*offer)
        except BadRequest as error:
            self._settle("Rejected", error.text)
            self._rejected = offer
            self._context.say("error", "configuration %s is rejected: %s" % (config_id, error.text))
            self.fire("reject")
            return
        if self.state == IDLE or candidate != self._candidate:
            if self.state != STORING:
                self._candidate = candidate
            self.fire("offer")

    def on_stored(self, error, desired):
        """Flash has taken the record (``error`` None) or not; then look at ``desired`` again."""
        tried = self._candidate
        if error:
            self._settle("Failed", error)
        self.fire("failed" if error else "stored")
        # What flash refused is tried again with the next change or connection, not at once.
        if not error or desired.get("configId") != tried["configId"]:
            self.on_desired(desired)

    def fire(self, event):
        """Take one transition."""
        step = self.TABLE.get((self.state, event))
        if step:
            self.state, effect = step
            effect(self)

    def report(self):
        """What is to be reported of the stage that it is in."""
        if self.state != IDLE:
            return {"status": "Pending", "pendingConfig": self._candidate}
        outcome = self._configuration.report()
        if self.reason:
            outcome["reason"] = self.reason
        return outcome

    def _settle(self, status, reason):
        self._configuration.status = status
        self.reason = reason
        self._rejected = None

    def _tell_pending(self):
        self._context.say("info", "configuration %s is pending" % self._candidate["configId"])
        self._context.report("config", self.report())

    def _tell_outcome(self):
        self._candidate = None
        outcome = self.report()
        # A reason told before must not stand beside a later success.
        if self.reason or self._told_reason:
            outcome["reason"] = self.reason
        self._told_reason = self.reason
        self._context.report("config", outcome)

    def _store(self):
        self._context.act(actions.store("config", self._candidate))

    def _apply(self):
        applied = self._candidate
        self._configuration.take(applied, seconds(applied["sendFrequency"]))
        self._settle("Success", None)
        self._context.say("info", "applied configuration %s" % applied["configId"])
        self._tell_outcome()

    # (state, event) -> (state, effect)
    TABLE = {
        (IDLE, "offer"): (PENDING, _tell_pending),
        (PENDING, "offer"): (PENDING, _tell_pending),
        (PENDING, "withdraw"): (IDLE, _tell_outcome),
        (PENDING, "reject"): (IDLE, _tell_outcome),
        (IDLE, "reject"): (IDLE, _tell_outcome),
        (IDLE, "withdraw"): (IDLE, _tell_outcome),
        (PENDING, "acknowledged"): (STORING, _store),
        (STORING, "stored"): (IDLE, _apply),
        (STORING, "failed"): (IDLE, _tell_outcome),
    }
