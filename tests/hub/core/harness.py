"""A hub core under virtual time, and links that record.

Tokens are signed here from the documents, with nothing of the hub's own code.
"""

import base64
import hashlib
import hmac
import itertools
import json
import random
from urllib.parse import quote

from twinkle_host.hub.core import Hello, Hub, HubError, MemoryStore
from twinkle_host.hub.core.provisioning.tables import GROUP, INDIVIDUAL
from twinkle_host.mock_gpio.world import VirtualClock

HOST = "contoso.azure-devices.net"
TWIN = "$iothub/twin/res/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"
METHODS = "$iothub/methods/POST/#"
ALL = (TWIN, DESIRED, METHODS)


def token(resource, key, expiry, policy=None):
    """A SAS token, from the developer guide's recipe."""
    encoded = quote(resource, safe="")
    digest = hmac.new(base64.b64decode(key), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    text = f"SharedAccessSignature sr={encoded}&sig={quote(base64.b64encode(digest), safe='')}&se={expiry}"
    return text + (f"&skn={policy}" if policy else "")


def read_certificate(text):
    """Stands in for the skin's: a certificate's text is its own thumbprint here, 64 digits."""
    return (text, {"sha256Thumbprint": text}) if len(text) == 64 else None


def enrol(enrolments, name, group=False, certificate=None, authority=None, **members):
    """Enrol a device or a group of them; its keys, none where a certificate is to be shown."""
    attestation = {"type": "symmetricKey"}
    if certificate is not None:
        x509 = {"clientCertificates": {"primary": {"certificate": certificate}}}
        attestation = {"type": "x509", "x509": x509}
    elif authority is not None:
        attestation = {"type": "x509", "x509": {"caReferences": {"primary": authority}}}
    kind = GROUP if group else INDIVIDUAL
    enrolments.put(kind, name, {kind.member: name, "attestation": attestation, **members})
    return list(enrolments.attestation(kind, name).get("symmetricKey", {}).values())


class Wire:
    """A link that records: ``sent`` as (topic, bytes, qos), ``closed`` as the reason or None."""

    def __init__(self):
        self.sent = []
        self.closed = None

    def send(self, topic, payload, qos):
        assert self.closed is None, "sent after the link was closed"
        self.sent.append((topic, payload, qos))
        return len(self.sent) if qos else None

    def close(self, reason):
        assert self.closed is None, "closed twice"
        self.closed = reason


class Device:
    """One device's side of a session, as a test drives it."""

    def __init__(self, stage, device_id):
        self.stage = stage
        self.id = device_id
        self.wire = None
        self.session = None
        self._rid = itertools.count(1)

    def hello(self, **changes):
        """A CONNECT that would be accepted, with changes."""
        lifetime = changes.pop("lifetime", 3600)
        api = changes.pop("api", "api-version=2021-04-12")
        key = changes.pop("key", None)
        hub = self.stage.hub
        if "password" not in changes:
            key = key or hub.get_device(self.id)["authentication"]["symmetricKey"]["primaryKey"]
            expiry = int(self.stage.clock.utc()) + lifetime
            changes["password"] = token(f"{HOST}/devices/{self.id}", key, expiry)
        values = {"client_id": self.id, "username": f"{HOST}/{self.id}/?{api}", "clean_session": False}
        return Hello(**{**values, **changes})

    def connect(self, subscribe=ALL, **changes):
        """Connect and subscribe; answers the session."""
        self.wire = Wire()
        self.session = self.stage.hub.connect(self.hello(**changes), self.wire)
        if subscribe:
            self.session.subscribe([(topic_filter, 1) for topic_filter in subscribe])
        self.stage.hub.step()
        return self.session

    def take(self):
        """What was sent to it since the last time: (topic, decoded JSON or None)."""
        sent, self.wire.sent[:] = list(self.wire.sent), []
        return [(topic, json.loads(payload) if payload else None) for topic, payload, _ in sent]

    def request(self, topic, payload=b""):
        """Publish a twin request with a fresh rid; answers (status, topic, body)."""
        rid = f"r{next(self._rid)}"
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.session.publish(topic.format(rid=rid), payload, 1)
        answers = [(t, b) for t, b in self.take() if f"$rid={rid}" in t]
        assert len(answers) == 1, answers
        (answer, body) = answers[0]
        return int(answer.split("/")[3]), answer, body

    def get(self):
        """Read the twin as the device sees it."""
        status, _, body = self.request("$iothub/twin/GET/?$rid={rid}")
        assert status == 200
        return body

    def report(self, patch):
        """Write reported properties; answers (status, topic, body)."""
        return self.request("$iothub/twin/PATCH/properties/reported/?$rid={rid}", patch)

    def answer(self, rid, status, payload=b"null"):
        """Answer a direct method."""
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.session.publish(f"$iothub/methods/res/{status}/?$rid={rid}", payload, 1)

    def calls(self):
        """The method requests since the last take: (name, rid, payload)."""
        calls = []
        for topic, payload in self.take():
            if topic.startswith("$iothub/methods/POST/"):
                name, _, rid = topic.removeprefix("$iothub/methods/POST/").partition("/?$rid=")
                calls.append((name, rid, payload))
        return calls


class Stage:
    """A hub with everything a test watches: ``events``, ``store``, ``clock``."""

    def __init__(self, store=None, seed=1):
        self.clock = VirtualClock()
        self.store = store or MemoryStore()
        self.seed = seed
        self.start()

    def start(self):
        """Make the hub (again, as after a restart) from the store."""
        self.seed += 1
        self.hub = Hub(HOST, self.clock, self.store, random.Random(self.seed).randbytes)
        self.events = []
        self.hub.listen(self.events.append)

    def device(self, device_id="dev1", **body):
        """A new identity, not connected."""
        self.hub.create_device(device_id, body)
        return Device(self, device_id)

    def connected(self, device_id="dev1", **changes):
        """A new identity, connected and subscribed to everything."""
        device = self.device(device_id)
        device.connect(**changes)
        return device

    def run(self, seconds):
        """Let time pass, stopping at every deadline."""
        end = self.clock.seconds + seconds
        while (wait := self.hub.step()) is not None and self.clock.seconds + wait <= end:
            self.clock.seconds += wait
        self.clock.seconds = end
        self.hub.step()

    def told(self, what):
        """The reasons of the hub's diagnostics of one kind."""
        return [e["body"]["reason"] for e in self.events_of("hubDiagnostics") if e["body"]["what"] == what]

    def events_of(self, source):
        return [event for event in self.events if event["source"] == source]

    def invoke(self, device_id, name, payload=None, response_timeout=30, connect_timeout=0):
        """Begin a call; answers the list that will hold its outcome."""
        outcomes = []
        self.hub.invoke(device_id, name, payload, response_timeout, connect_timeout, done=outcomes.append)
        return outcomes

    def service_header(self, policy="service", host=HOST, lifetime=3600):
        """An Authorization header as a service sends it."""
        text = self.hub.access.connection_string(host, policy)
        key = text.partition("SharedAccessKey=")[2]
        return token(host, key, int(self.clock.utc()) + lifetime, policy)


def refused(function, *arguments, **named):
    """The name of the error with which the hub refuses this call."""
    try:
        answer = function(*arguments, **named)
    except HubError as error:
        return error.name
    raise AssertionError(f"it was not refused, but answered {answer!r}")
