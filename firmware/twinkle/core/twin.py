"""The device twin as the device holds it.

Reading. After every connect the twin is asked for (GET); the answer becomes
the local copy of desired and its ``$version`` V. A notification then counts
only when it carries V + 1: an older one is a repeat and dropped, a newer one
shows a gap and the twin is read again. Until the answer is here, notifications
are only remembered by their version, since the answer may or may not hold them.

Writing. Reported values wait in one patch, so several reports make one message;
one message is under way at a time. It stays ours until the hub has answered
204: a time-out, a lost link or a busy hub (429, 5xx) puts it back *below* what
came later, so nothing is lost and the newest value wins. Any other refusal is
final: the patch is dropped, counted and said.

Each request has its own id; an answer to an id that is no longer awaited is
ignored. Source: "Understand and use device twins in IoT Hub".
"""

import json

from . import hub
from .document import combine, difference, merge

ANSWER_MS = 10000  # for the answer to a request; then it is made again
RETRY_MS = 1000  # after a busy hub; doubles up to
LONGEST_RETRY_MS = 60000
MAX_REPORT = 32768  # bytes of one reported patch; the hub's own limit for the section


class Twin:
    """Local copy of desired, and reported values on their way.

    ``send(topic, payload)`` publishes; ``say(level, text)`` logs.
    """

    def __init__(self, send, say):
        self.desired = {}
        self.version = 0
        self.refused = 0  # reported patches the hub would not take
        self._send = send
        self._say = say
        self._rid = 0
        self._retry = 0
        self._retry_due = 0
        self._newest = 0  # highest version notified while a GET is under way
        self._get = None  # (rid, deadline) of the GET under way
        self._want_get = False
        self._sent = None  # (rid, deadline, patch, callbacks) of the report under way
        self._patch = {}
        self._callbacks = {}

    def begin(self):
        """A new connection: read the twin; what was under way is not any more."""
        self._get = None
        self._put_back()
        self._retry = self._retry_due = 0
        self._want_get = True

    def report(self, patch, done=None, who=None):
        """Queue ``patch`` for the reported properties; ``done()`` is called once the hub has it.

        A later one of the same ``who`` takes the place of one that still waits.
        """
        combine(self._patch, patch)
        if done:
            self._callbacks[who] = done

    def step(self, now, synced):
        """Send what is due. Reports wait until the link is ``synced``."""
        if self._get and now >= self._get[1]:
            self._say("warning", "the hub did not answer the twin request; asking again")
            self._get = None
            self._want_get = True
        if self._sent and now >= self._sent[1]:
            self._say("warning", "the hub did not acknowledge a report; sending it again")
            self._put_back()
        if now < self._retry_due:
            return
        if self._want_get:
            self._want_get = False
            self._newest = 0
            self._get = (self._next_rid(), now + ANSWER_MS)
            self._send(hub.twin_get(self._get[0]), b"")
        if synced and self._patch and not self._sent:
            self._publish(now)

    def due(self, synced):
        """When step() has something to do, or None. Zero means now."""
        times = [request[1] for request in (self._get, self._sent) if request]
        if self._want_get or (synced and self._patch and not self._sent):
            times.append(self._retry_due)
        return min(times) if times else None

    def on_answer(self, status, rid, body, now):
        """The hub answered a request.

        ``body`` is the decoded payload of a GET, with both sections. Answers ``(delta, reported)`` when
        the twin has been read anew, else None.
        """
        if self._get and rid == self._get[0]:
            self._get = None
            if status == 200:
                return self._read(body)
            self._later(now, "the twin request", status)
            self._want_get = True
        elif self._sent and rid == self._sent[0]:
            if status in (200, 204):
                callbacks = self._sent[3]
                self._sent = None
                self._retry = 0
                for done in callbacks.values():
                    done()
            elif status == 429 or status >= 500:
                self._put_back()
                self._later(now, "a report", status)
            else:
                self._sent = None
                self.refused += 1
                self._say("error", "the hub refused a report (status %d); it is dropped" % status)
        return None

    def on_unusable(self, rid):
        """The answer to a GET could not be used. Answers whether it was awaited.

        What was known stays; the next notification, whatever its version, will
        show a gap and have the twin read again.
        """
        if self._get is None or rid != self._get[0]:
            return False
        self._get = None
        return True

    def on_desired(self, version, patch):
        """The hub notified a change. Answers the patch to act on, or None."""
        if self._get or self._want_get:
            self._newest = max(self._newest, version)
            return None
        if version <= self.version:
            return None
        if version > self.version + 1:
            self._say("info", "desired version %d came after %d; reading the twin" % (version, self.version))
            self._want_get = True
            return None
        self.version = version
        merge(self.desired, patch)
        patch.pop("$version", None)
        return patch

    def _read(self, body):
        desired = body["desired"]
        version = desired.pop("$version", 0)
        if version < self._newest:
            self._want_get = True
            return None
        delta = difference(self.desired, desired)
        self.desired = desired
        self.version = version
        self._retry = 0
        return delta, body["reported"]

    def _publish(self, now):
        patch, callbacks = self._patch, self._callbacks
        self._patch, self._callbacks = {}, {}
        payload = json.dumps(patch).encode()
        if len(payload) > MAX_REPORT:
            self.refused += 1
            self._say("error", "a report of %d bytes is over the hub's limit; it is dropped" % len(payload))
            return
        self._sent = (self._next_rid(), now + ANSWER_MS, patch, callbacks)
        self._send(hub.twin_report(self._sent[0]), payload)

    def _put_back(self):
        if self._sent:
            _, _, patch, callbacks = self._sent
            self._sent = None
            combine(patch, self._patch)
            self._patch = patch
            callbacks.update(self._callbacks)
            self._callbacks = callbacks

    def _later(self, now, what, status):
        self._retry = min(LONGEST_RETRY_MS, self._retry * 2 or RETRY_MS)
        self._retry_due = now + self._retry
        self._say("warning", "the hub answered %d to %s; again in %d s" % (status, what, self._retry // 1000))

    def _next_rid(self):
        self._rid = self._rid % 65535 + 1
        return str(self._rid)
