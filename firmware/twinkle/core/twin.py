"""The device twin as the device holds it: the desired properties, and what it reports.

Reading. After every connect the twin is asked for (GET); the answer becomes the local copy of
desired and its ``$version`` V. A notification then counts only when it carries V + 1: an older one
is a repeat and dropped, a newer one shows a gap and the twin is read again. Until the answer is
here, notifications are only remembered by their version, since the answer may or may not hold
them.

Writing. Reported values wait in one patch for each part of the device that reports; what waits
makes one message, and one message is under way at a time. It stays ours until the hub has answered
204: a time-out, a lost link or a busy hub (429, 5xx) puts it back *below* what came later, so
nothing is lost and the newest value wins. What cannot be reported, by the hub's rules or by its
word, is narrowed down: to the part, to its member, to the member of a component. That one is
dropped, counted, and named in ``lastError``; everything else arrives, and its part goes on as if
the hub had it all.

Each request has its own id; an answer to an id that is no longer awaited is ignored. Source:
"Understand and use device twins in IoT Hub".
"""

import json

from . import actions, topics
from .document import check, combine, decode, difference, merge
from .errors import BadRequest

ANSWER_MS = 10000  # for the answer to a request; then it is made again
RETRY_MS = 1000  # after a busy hub; doubles up to
LONGEST_RETRY_MS = 60000
MAX_REPORT = 32768  # bytes of one reported patch; the hub's own limit for the section


class Requests:
    """Requests of one kind, one at a time: ``what`` they are called, ``kind`` begins their ids."""

    def __init__(self, what, kind, context):
        self._what = what
        self._kind = kind
        self._context = context
        self._count = 0
        self._rid = None  # of the one under way
        self._deadline = 0
        self._retry = self._retry_due = 0

    def due(self, wanted):
        """When step() has something to do, or None; ``wanted``: there is something to ask for."""
        if self._rid:
            return self._deadline
        return self._retry_due if wanted else None

    def _ask(self, topic, payload, now):
        self._count = self._count % 65535 + 1
        rid = self._kind + str(self._count)
        # QoS 0: the hub answers on a topic of its own, so a PUBACK would add nothing.
        self._context.act(actions.publish(topic % rid, payload))
        self._rid, self._deadline = rid, now + ANSWER_MS

    def _overdue(self, now):
        # Whether the one under way has gone without an answer; it is no longer under way then.
        if self._rid is None or now < self._deadline:
            return False
        self._rid = None
        self._context.say("warning", "the hub did not answer %s; asking again" % self._what)
        return True

    def _answered(self, rid):
        if rid is None or rid != self._rid:
            return False
        self._rid = None
        return True

    def _later(self, status, now):
        self._retry = min(LONGEST_RETRY_MS, self._retry * 2 or RETRY_MS)
        self._retry_due = now + self._retry
        self._context.say(
            "warning",
            "the hub answered %d to %s; again in %d s" % (status, self._what, self._retry // 1000),
        )


class Twin(Requests):
    """The local copy of desired."""

    def __init__(self, context):
        super().__init__("the twin request", "g", context)
        self.desired = {}
        self.version = 0
        self._newest = 0  # highest version notified while a GET is under way
        self._wanted = False  # it is to be read

    def begin(self):
        """A new connection: read the twin."""
        self._rid = None
        self._retry = self._retry_due = 0
        self._wanted = True

    def step(self, now):
        """Ask for it if it is time."""
        if self._overdue(now):
            self._wanted = True
        if self._wanted and now >= self._retry_due:
            self._newest = 0
            self._ask(topics.TWIN_GET, b"", now)
            self._wanted = False

    def due(self):
        """When step() has something to do, or None."""
        return super().due(self._wanted)

    def on_answer(self, status, rid, payload, now):
        """The hub answered a request.

        Answers ``(delta, reported)`` when the twin has been read anew: what changed in desired, and the
        hub's copy of reported. ``delta`` is None when the answer could not be used: what was known
        stays, and the next notification, whatever its version, shows a gap. Otherwise None.
        """
        if not self._answered(rid):
            return None
        if status != 200:
            self._wanted = True
            self._later(status, now)
            return None
        try:
            twin = _read(payload)
        except BadRequest as error:
            self._context.complain("the twin cannot be used, the last one known stays: " + error.text)
            return None, {}
        desired = twin["desired"]
        version = desired.pop("$version", 0)
        if version < self._newest:
            self._wanted = True
            return None
        delta = difference(self.desired, desired)
        self.desired = desired
        self.version = version
        self._retry = 0
        return delta, twin["reported"]

    def on_desired(self, version, payload):
        """The hub notified a change. Answers the patch to act on, or None."""
        try:
            if version is None:
                raise BadRequest("it has no $version")
            patch = check(decode(payload))
        except BadRequest as error:
            # What it said is still in the twin, unless it is as bad there.
            self._context.complain("a desired change cannot be used: " + error.text)
            return None
        if self._rid or self._wanted:
            self._newest = max(self._newest, version)
            return None
        if version <= self.version:
            return None
        if version > self.version + 1:
            self._context.say(
                "info", "desired version %d came after %d; reading the twin" % (version, self.version)
            )
            self._wanted = True
            return None
        merge(self.desired, patch)
        self.version = version
        patch.pop("$version", None)
        return patch

    def forget(self):
        """There was no memory for a message, which may have been a change: read the twin, and take all as new."""
        self.desired = {}
        self.version = 0
        self._wanted = True


class Reports(Requests):
    """What the device's parts report, on its way."""

    def __init__(self, context):
        super().__init__("a report", "r", context)
        self.settled = []  # reporters, all of whose reports have been answered
        self._under_way = ()  # entries: [reporter, patch]
        self._pieces = []  # of what was refused; entries that are sent one by one, before others

    def begin(self):
        """A new connection: what was under way is not any more."""
        self._put_back(0)
        self._retry = self._retry_due = 0

    def step(self, now):
        """Send what is due."""
        if self._overdue(now):
            # One piece that is not answered is not in the way of the others.
            self._put_back(len(self._pieces))
        entries = self._pieces[:1] or self._context.reports[:]
        if self._under_way or not entries or now < self._retry_due:
            return
        patch = entries[0][1]
        if len(entries) > 1:
            patch = {}
            for _, part in entries:
                combine(patch, part)
        payload = json.dumps(patch).encode()
        if len(payload) > MAX_REPORT:
            self._take(entries)
            self._refuse(entries, "%d bytes are over the hub's limit" % len(payload))
            return
        self._ask(topics.TWIN_REPORT, payload, now)
        self._under_way = entries
        self._take(entries)

    def due(self):
        """When step() has something to do, or None."""
        return super().due(self._pieces or self._context.reports)

    def on_answer(self, status, rid, now):
        """The hub answered a request."""
        if not self._answered(rid):
            return
        if status == 429 or status >= 500:
            self._put_back(0)
            self._later(status, now)
            return
        entries, self._under_way = self._under_way, ()
        if status in (200, 204):
            self._retry = 0
            self._settle(entries)
        else:
            self._refuse(entries, "status %d" % status)

    def _take(self, entries):
        del (self._pieces or self._context.reports)[: len(entries)]

    def _refuse(self, entries, why):
        pieces = entries
        if len(entries) == 1:
            reporter, patch = entries[0]
            pieces = [[reporter, piece] for piece in _split(patch)]
        if pieces:
            self._pieces = pieces + self._pieces
            return
        self._context.refuse(list(patch)[0], why)
        self._settle(entries)

    def _settle(self, entries):
        waiting = [entry[0] for entry in self._pieces + self._context.reports]
        for reporter, _ in entries:
            if reporter not in waiting:
                self.settled.append(reporter)

    def _put_back(self, at):
        self._rid = None
        entries, self._under_way = self._under_way, ()
        if self._pieces:
            self._pieces[at:at] = entries
            return
        waiting = self._context.reports
        for entry in waiting:
            for before in entries:
                if before[0] == entry[0]:
                    combine(before[1], entry[1])
        parts = [entry[0] for entry in entries]
        waiting[:] = list(entries) + [entry for entry in waiting if entry[0] not in parts]


def _split(patch):
    # A patch for each member, or for each of a component's; none when there is one alone.
    if len(patch) > 1:
        return [{name: patch[name]} for name in patch]
    name, value = list(patch.items())[0]
    if isinstance(value, dict) and value.get("__t") == "c" and len(value) > 2:
        return [{name: {"__t": "c", inner: value[inner]}} for inner in value if inner != "__t"]
    return ()


def _read(payload):
    # Both sections as objects, and a version that can be compared.
    twin = check(decode(payload), 1)
    for name in ("desired", "reported"):
        if not isinstance(twin.setdefault(name, {}), dict):
            raise BadRequest("its %s is not a JSON object" % name)
    version = twin["desired"].get("$version", 0)
    if isinstance(version, bool) or not isinstance(version, int):
        raise BadRequest("its $version is not a whole number")
    return twin
