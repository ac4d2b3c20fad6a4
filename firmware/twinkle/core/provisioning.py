"""Provisioning: how a device learns which hub is its own (DPS over MQTT).

    connect ─▶ register ─▶ 202, wait, poll ─▶ 202 … ─▶ 200 assigned

The answer is a hub's name and a device id; the key stays what it was. It goes to
flash, and from then on the device connects to that hub without asking again.

It may have been moved to another hub since. So once PROVISION_AGAIN tries in a row have
failed the next one has a question to the service before it: one, whatever comes of it, and
not sooner than the service's own back-off allows. Then the hub is tried, the one that was
named or the one it was, and the count begins anew. For all but the line the device knows
of none of this: to it the try takes longer, and what it samples and queues goes on.

401 and every other refusal below 429 wait as long as the longest back-off: the
same credentials cannot do better soon. 429 and server errors wait ``retry-after``
and repeat the step. Source: "Communicate with DPS using the MQTT protocol".
"""

import json

from . import actions, link
from .clock import JUMP_S, WallClock
from .connection_string import check_host, check_id
from .document import check, decode
from .errors import BadRequest, HubError, SetupError
from .identity import Identity
from .link import CONNECTING, OFFLINE, SYNCING, Link
from .topics import number, parse_bag, plain, quote

GLOBAL_DPS = "global.azure-devices-provisioning.net"
API_VERSION = "2019-03-31"

RESPONSES = "$dps/registrations/res/#"
REGISTER = "$dps/registrations/PUT/iotdps-register/?$rid=%d"
STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=%d&operationId=%s"

WAIT_S = 2  # when the service names no time
LONGEST_WAIT_S = 60
TOKEN_S = 3600
CLOCK_MS = 1000
PROVISION_AGAIN = 10
LONGEST_OPERATION = 256  # characters of an operation's id; real ones have about sixty


class Registration(Identity):
    """One device that has yet to learn its hub. ``device_id`` is its registration id.

    Source: "Communicate with DPS using the MQTT protocol"; the user name has no "?".
    """

    assigned = False

    def __init__(self, host, scope, registration_id, key, gateway=None, port=8883):
        super().__init__(host, registration_id, key, gateway, port)
        self._scope = scope
        self._text = key
        self._gateway = gateway

    def username(self, model_id=None):
        """The MQTT user name for the provisioning service."""
        return "%s/registrations/%s/api-version=%s" % (self._scope, self.device_id, API_VERSION)

    def password(self, expiry):
        """A shared access signature for the registration; empty for a device with a certificate."""
        return self._sign("%s/registrations/%s" % (self._scope, self.device_id), expiry, "registration")

    def identity(self, hub, device_id):
        """The Identity on the hub this device was assigned to; what it proves itself with is the same."""
        return Identity(hub, device_id, self._text, self._gateway, self.port)


class Provisioner:
    """Asks the provisioning service; speaks with the runtime as Device does.

    ``asking`` lasts from begin() until there is an answer, or there is none to be had;
    then ``assigned`` is ``(hub, device id)``, or None.
    """

    subscriptions = (RESPONSES,)

    def __init__(self, registration, model_id, random, now):
        self.identity = registration
        self.clock = WallClock()
        self.link = Link(random, now)
        self._model_id = model_id
        self._context = actions.Context()
        self._rid = 0
        self._operation = None
        self._next = None  # when to ask (again)
        self.begin()

    def begin(self):
        """Ask, once the link's back-off is over."""
        self.asking, self.assigned = True, None

    def on_time(self, utc, now):
        """The time is known."""
        if abs(self.clock.set(utc, now)) >= JUMP_S:
            self.link.hurry(now)

    def on_network(self, now):
        """The network came back."""
        self.link.hurry(now)

    def on_done(self, action, result, now):
        """An action has been performed; see Device."""
        if action[0] == "connect" and self.link.fire("connected", now, "being provisioned"):
            # Connected and subscribed: register.
            self._operation = None
            self._next = now

    def on_failed(self, action, error, now):
        """An action has not been performed; see Device."""
        if action[0] in ("connect", "publish") and error:
            self.on_lost(error, now)
        elif action[0] == "reset":
            self._context.act(actions.reset(str(error), False))

    def on_lost(self, error, now):
        """The connection could not be made or was lost; see Device."""
        self._lose(str(error) or "out of memory", now, isinstance(error, HubError) and error.code in (4, 5))

    def _lose(self, reason, now, hopeless):
        if self.link.fire("lost", now, reason, hopeless):
            self.asking = False
            wait = (self.link.due - now) / 1000
            self._context.say("warning", "not provisioned: %s; next try in %.1f s" % (reason, wait))

    def on_message(self, topic, payload, now):
        """An answer to the last request."""
        path, _, query = topic.partition("?")
        rooms = path.split("/")
        try:
            bag = parse_bag(query)
        except ValueError:
            return
        if path[:23] != "$dps/registrations/res/" or bag.get("$rid") != str(self._rid):
            return
        status = number(rooms[3]) or 500
        try:
            body = check(decode(payload))
        except BadRequest:
            body = {}
        if status == 202 or status == 429 or status >= 500:
            if status == 202:
                operation = body.get("operationId")
                named = (
                    isinstance(operation, str) and len(operation) <= LONGEST_OPERATION and plain(operation)
                )
                self._operation = quote(operation) if named else None
            self._next = now + self._wait(bag.get("retry-after"))
        elif status == 200 and body.get("status") == "assigned" and self._assign(body):
            self._context.say("info", "assigned to %s as %s" % self.assigned)
            self._context.act(actions.disconnect())
            self.link.fire("lost", now, "assigned")
            self.asking = False
        else:
            reason = "%s %s" % (body.get("status") or status, body.get("message") or "")
            text = (
                "the provisioning service refused (%s); check id scope, registration id and key"
                % reason.strip()
            )
            self._context.act(actions.disconnect())
            self._lose(text, now, True)

    def step(self, now):
        """Everything that is due at ``now``; answers the actions."""
        state = self.link.state
        if state == OFFLINE:
            utc = self.clock.utc(now)
            if self.asking and utc is not None and now >= self.link.due:
                self._context.act(actions.connect(self.identity.username(), utc + TOKEN_S))
                self.link.fire("due", now, "connecting")
        elif self.link.overdue(now):
            self._context.act(actions.disconnect())
            self.on_lost("the provisioning service did not finish in time", now)
        elif state == SYNCING and self._next is not None and now >= self._next:
            self._next = None
            self._ask()
        return self._context.taken()

    def go_on(self, *_):
        """As Device has it: there is nothing but the line here, and its time limit is limit enough."""
        return []

    keep = on_heard = go_on

    def due(self, now):
        """The moment by which step() must be called again."""
        if self.link.state == OFFLINE:
            return max(now, self.link.due) if self.clock.utc(now) else now + CLOCK_MS
        if self.link.state == CONNECTING:
            return now + CLOCK_MS
        deadline = self.link.since + link.UNTIL_READY_MS
        return max(now, deadline if self._next is None else min(self._next, deadline))

    def _assign(self, body):
        # Whether it says which hub, and as which device.
        try:
            state = body["registrationState"]
            hub, device_id = state["assignedHub"], state["deviceId"]
            check_host(hub)
            check_id(device_id)
        except (KeyError, TypeError, SetupError):
            return False
        self.assigned = hub, device_id
        return True

    def _ask(self):
        self._rid += 1
        if self._operation:
            self._context.act(actions.publish(STATUS % (self._rid, self._operation), b""))
            return
        body = {"registrationId": self.identity.device_id}
        if self._model_id:
            body["payload"] = {"modelId": self._model_id}
        self._context.act(actions.publish(REGISTER % self._rid, json.dumps(body).encode()))

    def _wait(self, text):
        seconds = number(text)
        return min(WAIT_S if seconds is None else seconds, LONGEST_WAIT_S) * 1000


# What is asked of whoever has the line; all else, of the device.
LINE = ("identity", "subscriptions", "link", "on_lost", "on_message")


class Onboarding:
    """A device that is provisioned: has the line used by the Provisioner, or by the Device.

    ``record`` is what the store holds of an earlier assignment; ``make(identity, now)``
    builds the Device. Until that has been made, the Provisioner stands in its place.
    """

    def __init__(self, registration, record, make, model_id, random, now):
        self._make = make
        self._model_id = model_id
        self._service = self._device = Provisioner(registration, model_id, random, now)
        if record:
            self._device = make(registration.identity(record["hub"], record["deviceId"]), now)
        self._turn = self._device
        self._asked = 0  # losses of the device's link when the service was asked
        self._expiry = None  # of the token that the device is about to connect with

    def __getattr__(self, name):
        return getattr(self._turn if name in LINE else self._device, name)

    def on_time(self, utc, now):
        """As Device.on_time."""
        self._service.on_time(utc, now)
        self._device.on_time(utc, now)

    def on_network(self, now):
        """As Device.on_network."""
        self._service.on_network(now)
        self._device.on_network(now)

    def step(self, now):
        """As Device.step; the device's connection may have to wait for the service's answer."""
        device, service = self._device, self._service
        asked = device.step(now)
        if device is not service:
            if self._turn is device:
                wanted = [action for action in asked if action[0] == "connect"]
                if not wanted or not self._in_doubt(now):
                    return asked
                asked.remove(wanted[0])
                asked.append(
                    actions.say("warning", "the hub cannot be reached; asking the provisioning service")
                )
                self._expiry = wanted[0][2]
                self._asked = device.link.losses
                self._turn = service
                service.begin()
            asked += service.step(now)
        if service.asking:
            return asked
        if service.assigned:
            self._assign(asked, now)
        if device is service:
            service.begin()
        else:
            asked.append(actions.connect(device.identity.username(self._model_id), self._expiry))
        self._turn = self._device
        return asked

    def due(self, now):
        """As Device.due."""
        return min(self._turn.due(now), self._device.due(now))

    def on_done(self, action, result, now):
        """As Device.on_done: the line's for whoever has it, the board's for the device."""
        (self._turn if action[0] in actions.LINE else self._device).on_done(action, result, now)

    def on_failed(self, action, error, now):
        """As Device.on_failed."""
        (self._turn if action[0] in actions.LINE else self._device).on_failed(action, error, now)

    def _in_doubt(self, now):
        # Whether the device may belong to another hub, and the service can be asked.
        link = self._device.link
        failed = min(link.attempts, link.losses - self._asked)
        return failed >= PROVISION_AGAIN and now >= self._service.link.due

    def _assign(self, asked, now):
        device, service = self._device, self._service
        hub, device_id = service.assigned
        identity = service.identity.identity(hub, device_id)
        if device.identity.username() == identity.username():
            return
        asked.append(actions.store("assigned", {"hub": hub, "deviceId": device_id}))
        if device is service:
            self._device = self._make(identity, now)
            self._device.on_time(service.clock.utc(now), now)
        else:
            device.move(identity)
