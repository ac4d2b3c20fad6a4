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

What comes from the hub, to the part of the device it is for.
"""

import json

from . import topics
from .document import check, combine, decode, difference, merge, missing
from .errors import BadRequest

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
            self._send(topics.twin_get(self._get[0]), b"")
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
        self._send(topics.twin_report(self._sent[0]), payload)

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


def _read_twin(payload):
    # Both sections as objects, and a version that can be compared.
    twin = check(decode(payload), 1)
    for name in ("desired", "reported"):
        if not isinstance(twin.setdefault(name, {}), dict):
            raise BadRequest("its %s is not a JSON object" % name)
    version = twin["desired"].get("$version", 0)
    if isinstance(version, bool) or not isinstance(version, int):
        raise BadRequest("its $version is not a whole number")
    return twin


class Receiver:
    """Reads topics and bodies for ``device``, a Device."""

    def __init__(self, device):
        self._device = device

    def on_message(self, topic, payload, now):
        """One message; see Device.on_message."""
        device = self._device
        try:
            about = topics.classify(topic)
        except ValueError:
            about = None
        if about is None:
            device.complain("a message on a topic that is not this device's: ignored")
        elif about[0] == "method":
            if about[2]:
                device.methods.call(about[1], about[2], payload, now)
            else:
                device.complain("a method call without a request id that can be answered: ignored")
        elif about[0] == "twin":
            self._on_twin(about, payload, now)
        elif about[0] == "desired":
            self._on_desired(about[1], payload, now)
        elif about[0] == "message" and device.app.on_message:
            device.handlers.on_message(device.app.on_message, about[1], payload)

    def _on_twin(self, about, payload, now):
        device = self._device
        status, rid, body = about[1], about[2], None
        if status == 200:
            try:
                body = _read_twin(payload)
            except BadRequest as error:
                if device.twin.on_unusable(rid):
                    device.complain("the twin cannot be used, the last one known stays: " + error.text)
                    self._tell({}, now)
                return
        answer = device.twin.on_answer(status, rid, body, now)
        if answer:
            self._tell(answer[1], now)
            device.handlers.on_change(answer[0], device.twin.desired)
            device.writables.on_twin(device.twin.desired, answer[1], device.twin.version, now)
            if not device.safe:
                device.config.on_desired(device.twin.desired)

    def _tell(self, reported, now):
        device = self._device
        # What the hub does not know yet; with an empty ``reported`` that is all of it.
        if device.link.fire("synced", now, "ready"):
            device.say("info", "ready: %s on %s" % (device.identity.device_id, device.identity.host))
        if not device.safe:
            device.config.reconcile(reported)
        device.sensor.reconcile(reported)
        patch = missing(device.app.properties(device.board), reported) if device.app.properties else {}
        patch.update(device.reboot.owed(device.clock.utc(now), now))
        if device.telemetry.dropped and reported.get("droppedMessages") != device.telemetry.dropped:
            patch["droppedMessages"] = device.telemetry.dropped
        if "safeMode" in reported and not device.safe:
            patch["safeMode"] = None
        if device.problem:
            patch["lastError"], device.problem = device.problem, None
        if patch:
            device.twin.report(patch, device.reboot.reported, "reboot")

    def _on_desired(self, version, payload, now):
        device = self._device
        try:
            if version is None:
                raise BadRequest("it has no $version")
            patch = check(decode(payload))
        except BadRequest as error:
            # What it said is still in the twin, unless it is as bad there.
            device.complain("a desired change cannot be used: " + error.text)
            return
        patch = device.twin.on_desired(version, patch)
        if patch:
            device.handlers.on_change(patch, device.twin.desired)
            device.writables.on_patch(patch, device.twin.version, now)
            if not device.safe:
                device.config.on_desired(device.twin.desired)
