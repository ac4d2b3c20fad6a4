"""Provisioning: how a device learns which hub is its own (DPS over MQTT).

    connect ─▶ register ─▶ 202, wait, poll ─▶ 202 … ─▶ 200 assigned

The answer is a hub's name and a device id; the key stays what it was. It goes to
flash, and from then on the device connects to that hub without asking again. It
asks again after every PROVISION_AGAIN hub connections in a row that failed, since the
device may have been moved to another hub. It asks once; without an answer the device
goes on as it was, with all that it holds, and what waits to be sent also moves with it
to another hub.

401 and every other refusal below 429 wait as long as the longest back-off: the
same credentials cannot do better soon. 429 and server errors wait ``retry-after``
and repeat the step. Source: "Communicate with DPS using the MQTT protocol".
"""

import json

from . import link
from .clock import JUMP_S, WallClock
from .connection_string import check_host, check_id
from .document import check, decode
from .errors import BadRequest, SetupError
from .hub import number, parse_bag, plain, quote
from .identity import Identity
from .link import CONNECTING, OFFLINE, SYNCING, Link

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
    """Asks the provisioning service; speaks with the rim as Device does.

    When it has been answered, ``assigned`` is ``(hub, device id)``.
    """

    subscriptions = (RESPONSES,)

    def __init__(self, registration, model_id, random):
        self.identity = registration
        self.assigned = None
        self.clock = WallClock()
        self.link = Link(random)
        self._model_id = model_id
        self._actions = []
        self._rid = 0
        self._operation = None
        self._next = None  # when to ask (again)

    def on_time(self, utc, now):
        """The time is known."""
        if abs(self.clock.set(utc, now)) >= JUMP_S:
            self.link.hurry(now)

    def on_network(self, now):
        """The network came back."""
        self.link.hurry(now)

    def on_connected(self, now):
        """Connected and subscribed: register."""
        if self.link.fire("connected", now, "being provisioned"):
            self._operation = None
            self._next = now

    def on_lost(self, reason, now, hopeless=False, problem=False):
        """The connection could not be made or was lost."""
        if self.link.fire("lost", now, reason, hopeless):
            wait = (self.link.due - now) / 1000
            self._say("warning", "not provisioned: %s; next try in %.1f s" % (reason, wait))

    def on_heard(self, now):
        """Bytes came; the time limit of the whole is limit enough."""

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
            self._say("info", "assigned to %s as %s" % self.assigned)
            self._act("disconnect")
        else:
            reason = "%s %s" % (body.get("status") or status, body.get("message") or "")
            text = (
                "the provisioning service refused (%s); check id scope, registration id and key"
                % reason.strip()
            )
            self._act("disconnect")
            self.on_lost(text, now, True)

    def step(self, now):
        """Everything that is due at ``now``; answers the actions."""
        state = self.link.state
        if state == OFFLINE:
            utc = self.clock.utc(now)
            if utc is not None and now >= self.link.due and self.link.fire("due", now, "connecting"):
                self._act("connect", self.identity.username(), int(utc) + TOKEN_S)
        elif self.link.overdue(now):
            self._act("disconnect")
            self.on_lost("the provisioning service did not finish in time", now)
        elif state == SYNCING and self._next is not None and now >= self._next:
            self._next = None
            self._ask()
        actions, self._actions = self._actions, []
        return actions

    def go_on(self, now):
        """As Device.go_on: there is nothing but the line here."""
        return []

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
            self._act("publish", STATUS % (self._rid, self._operation), b"", 0)
            return
        body = {"registrationId": self.identity.device_id}
        if self._model_id:
            body["payload"] = {"modelId": self._model_id}
        self._act("publish", REGISTER % self._rid, json.dumps(body).encode(), 0)

    def _wait(self, text):
        seconds = number(text)
        return min(WAIT_S if seconds is None else seconds, LONGEST_WAIT_S) * 1000

    def _say(self, level, text):
        self._act("say", level, text)

    def _act(self, *action):
        self._actions.append(action)


class Onboarding:
    """A device that is provisioned first: plays the Provisioner, then the Device.

    ``record`` is what the store holds of an earlier assignment; ``make(identity, now)``
    builds the Device. Everything the rim asks of a device is asked of the one whose
    turn it is.
    """

    def __init__(self, registration, record, make, model_id, random):
        self._registration = registration
        self._make = make
        self._model_id = model_id
        self._random = random
        self._device = make(self._identity(record["hub"], record["deviceId"]), 0) if record else None
        self._again = PROVISION_AGAIN  # so many failed connections, and it is asked again
        self._turn = self._device or self._provisioner()

    def __getattr__(self, name):
        return getattr(self._turn, name)

    def step(self, now):
        """As Device.step; changes turns when it is time."""
        turn = self._turn
        if turn is self._device:
            if turn.link.state != OFFLINE:
                self._again = PROVISION_AGAIN
            elif turn.link.attempts >= self._again:
                self._again += PROVISION_AGAIN
                self._hand_over(self._provisioner(), now)
                # Before the device acts: what it asks the rim for would be answered to the other.
                return [
                    ("say", "warning", "the hub cannot be reached; asking the provisioning service again")
                ]
            return turn.step(now)
        actions = turn.step(now)
        if turn.assigned:
            hub, device_id = turn.assigned
            actions.append(("store", "assigned", {"hub": hub, "deviceId": device_id}))
            self._move(self._identity(hub, device_id), now)
        elif turn.link.losses and self._device:
            self._hand_over(self._device, now)
        return actions

    def keep(self):
        """As Device.keep."""
        return self._device.keep() if self._device else []

    def on_stored(self, name, error):
        """As Device.on_stored: what is kept is the device's, whoever's turn it is."""
        if self._device:
            self._device.on_stored(name, error)

    def _move(self, identity, now):
        """The device belongs to this hub, from now on or as before."""
        before = self._device
        if before and before.identity.username() == identity.username():
            before.link.hurry(now)
        else:
            self._device = self._make(identity, now)
            if before:
                self._device.telemetry.queue[:] = before.telemetry.queue
                if self._device.backlog:
                    self._device.backlog.skip()
        self._again = PROVISION_AGAIN
        self._hand_over(self._device, now)

    def _hand_over(self, turn, now):
        utc = self._turn.clock.utc(now)
        if utc is not None:
            turn.on_time(utc, now)
        self._turn = turn

    def _provisioner(self):
        return Provisioner(self._registration, self._model_id, self._random)

    def _identity(self, hub, device_id):
        return self._registration.identity(hub, device_id)
