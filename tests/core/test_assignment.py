"""A device that was assigned to a hub, and what it does when that hub is gone: a world of DPS and hubs."""

import json

from driver import EPOCH, KEY, Outcomes

from twinkle import App
from twinkle.core.connection_string import parse
from twinkle.core.device import Device
from twinkle.core.errors import HubError
from twinkle.core.link import LONGEST_MS, READY, RESET_MS
from twinkle.core.provisioning import GLOBAL_DPS, PROVISION_AGAIN, Onboarding

TEXT = "IdScope=0ne00000000;RegistrationId=MyDevice01;SharedAccessKey=" + KEY
CONTOSO, FABRIKAM = "contoso.azure-devices.net", "fabrikam.azure-devices.net"
HOUR_MS = 3600000
SLICE_MS = 50  # how often go_on() is called while the line is waited for
GONE, REFUSES, THERE = "gone", "refuses", "there"  # what a hub may be; the service, too
TRY_MS = {GONE: 10000, REFUSES: 800, THERE: 800}  # how long a connection takes
# The longest back-off with its chance, a try in vain, and the longest question.
LATEST_MS = LONGEST_MS + 5000 + 10000 + 75000
PERIOD_MS, BLINK_MS, HANDLER_MS, EDGE_MS = 10000, 1000, 1000, 100


def assigned(hub, device_id="dev7"):
    """What the service says of a device that belongs there."""
    return 200, {"status": "assigned", "registrationState": {"assignedHub": hub, "deviceId": device_id}}


BOARD = ("read", "led", "store", "say")
# Whatever the service says, or does not; with "Communicate with DPS using the MQTT protocol".
ANSWERS = {
    "the same hub": assigned(CONTOSO),
    "another hub, which is gone as well": assigned(FABRIKAM),
    "the same hub as another device": assigned(CONTOSO, "dev8"),
    "no hub": assigned("a..b"),
    "disabled": (200, {"status": "disabled", "registrationState": {"status": "disabled"}}),
    "failed": (200, {"status": "failed"}),
    "unauthorized": (401, {"errorCode": 401000, "message": "Unauthorized"}),
    "not found": (404, {"errorCode": 404206}),
    "assigning for ever": (202, {"operationId": "op1", "status": "assigning"}),
    "throttled for ever": (429, {"errorCode": 429001}),
    "broken": (500, {}),
    "nothing": None,
    "no connection": GONE,
    "no credentials": REFUSES,
}


class Rhythm:
    """Counts what should happen again and again, and how long it took at most."""

    def __init__(self):
        self.count = self.last = self.worst = 0

    def beat(self, now):
        if self.count:
            self.worst = max(self.worst, now - self.last)
        self.count += 1
        self.last = now


class Caller:
    """Somebody who waits for a method's answer, which does not come."""

    def on_answered(self, status, body):
        pass


class World(Outcomes):
    """An Onboarding, the service and the hubs. ``tries``: ``(milliseconds, host)`` of each connection tried."""

    def __init__(self, answer, hub=GONE, record=CONTOSO, start=0, disk=None):
        self.now = start
        self.answer, self.hubs = answer, {CONTOSO: hub, FABRIKAM: GONE}
        self.tries, self.arrived, self.lines, self.records, self.resets = [], [], [], [], []
        self.shown, self.samples, self.handled = Rhythm(), Rhythm(), Rhythm()
        self._host = None  # at the other end of the connection
        app = App(config={"configId": 1, "sendFrequency": "%ds" % (PERIOD_MS // 1000)})
        app.telemetry(lambda board: {"n": self.samples.count})

        @app.method("slow")
        def slow(board, payload):
            while True:
                self.handled.beat(self.now)
                yield HANDLER_MS / 1000

        def make(who, now):
            waiting = {"capacity": 120}
            if disk is not None:
                waiting["disk"] = 10000
            return Device(app, who, {"telemetry": disk}, lambda: 0.5, now=now, waiting=waiting)

        self.device = Onboarding(
            parse(TEXT), record and {"hub": record, "deviceId": "dev7"}, make, None, lambda: 0.5, start
        )
        self.device.on_time(EPOCH, self.now)

    def run(self, ms):
        """Let time pass, with a step at every moment the device asks for."""
        end, steps = self.now + ms, 0
        while self.now < end:
            actions = self.device.step(self.now)
            due = self.now if actions else self.device.due(self.now)
            self._perform(actions)
            steps = steps + 1 if due == self.now else 0
            assert steps < 50, ("it never comes to rest", self.lines[-3:])
            self.now = max(self.now, min(due, end))

    def until(self, condition, ms):
        """Let time pass until this holds."""
        end = self.now + ms
        while not condition():
            assert self.now < end, self.lines[-9:]
            self.run(SLICE_MS)

    def hosts(self):
        """What was connected to, or tried, in its order."""
        return [host for _, host in self.tries]

    def asked(self):
        """Whether the service was."""
        return GLOBAL_DPS in self.hosts()

    def ready(self):
        """Whether the device is."""
        return self.device.link.state == READY

    def _perform(self, actions):
        # The board's at once, then the line's in their order.
        for line in (False, True):
            for action in actions:
                if (action[0] in BOARD) != line:
                    getattr(self, "_" + action[0])(*action[1:])

    def _pass(self, ms):
        # What the runtime does while it waits for the line.
        end = self.now + ms
        while self.now < end:
            self.now = min(end, self.now + SLICE_MS)
            self._perform(self.device.go_on(self.now))

    def _connect(self, username, expiry):
        host = self.device.identity.host
        assert (host in username) == (host != GLOBAL_DPS), (host, username)
        assert expiry >= EPOCH + self.now // 1000 + 1800, "a token that ends soon"
        self.tries.append((self.now, host))
        mood = self.answer if host == GLOBAL_DPS else self.hubs[host]
        mood = mood if mood in (GONE, REFUSES) else THERE
        self._pass(TRY_MS[mood])
        if mood == THERE:
            self._host = host
            self.connected()
        else:
            self.lost("no route" if mood == GONE else HubError("refused", code=5))

    def _publish(self, topic, payload, qos):
        assert self._host == (GLOBAL_DPS if topic[:4] == "$dps" else self.device.identity.host), topic
        self._pass(100)
        rid = topic.split("$rid=")[1].split("&")[0] if "$rid=" in topic else None
        if topic[:4] == "$dps":
            if self.answer:
                status, body = self.answer
                topic = "$dps/registrations/res/%d/?$rid=%s" % (status, rid)
                self.device.on_message(topic, json.dumps(body).encode(), self.now)
        elif qos:
            self.arrived.append((self._host, json.loads(payload)["n"]))
            self.sent()
        elif "/twin/GET" in topic:
            twin = b'{"desired":{"$version":1},"reported":{"$version":1}}'
            self.device.on_message("$iothub/twin/res/200/?$rid=" + rid, twin, self.now)
        elif "/twin/PATCH" in topic:
            self.device.on_message("$iothub/twin/res/204/?$rid=" + rid, b"", self.now)

    def _ping(self):
        self.device.on_heard(self.now)

    def _disconnect(self):
        self._host = None

    def _read(self):
        self.samples.beat(self.now)
        self.reading({"temperature": 21.5})

    def _led(self, level):
        self.shown.beat(self.now)

    def _store(self, name, record):
        self.records.append((name, record))
        self.stored(name)

    def _say(self, level, text):
        self.lines = self.lines[-9:] + [(self.now, text)]

    def _reset(self, reason, wanted=True):
        self.resets.append((self.now, reason))


def hub_tries_between_questions(world):
    """How often a hub was tried before each question to the service, since the one before."""
    counts, count = [], 0
    for host in world.hosts():
        if host == GLOBAL_DPS:
            counts.append(count)
            count = 0
        else:
            count += 1
    return counts, count


def test_whatever_the_service_says_it_is_asked_once_in_a_while_and_the_hub_is_tried_on():
    for name, answer in ANSWERS.items():
        for hub in (GONE, REFUSES):
            world = World(answer, hub)
            world.run(HOUR_MS)
            counts, since = hub_tries_between_questions(world)
            assert len(counts) >= 2 and min(counts) >= PROVISION_AGAIN, (name, hub, counts)
            assert max(counts + [since]) <= PROVISION_AGAIN + 2, (name, hub, counts, since)
            tries = [moment for moment, host in world.tries if host != GLOBAL_DPS]
            pauses = [tries[at] - tries[at - 1] for at in range(1, len(tries))]
            assert max(pauses) <= LATEST_MS, (name, hub, max(pauses))
            assert world.resets == [] and len(world.records) <= 1, (name, world.records)


def test_whatever_the_service_says_the_hub_is_found_when_it_is_back():
    for name, answer in ANSWERS.items():
        if answer == assigned(FABRIKAM):
            continue
        world = World(answer)
        world.run(HOUR_MS)
        world.hubs[CONTOSO] = THERE
        world.run(LATEST_MS)
        assert world.ready(), (name, world.lines[-5:])


def test_a_device_that_was_moved_goes_to_its_new_hub_at_once():
    world = World(assigned(FABRIKAM, "dev8"))
    world.hubs[FABRIKAM] = THERE
    world.until(world.ready, HOUR_MS)
    questions = [moment for moment, host in world.tries if host == GLOBAL_DPS]
    assert len(questions) == 1 and world.now - questions[0] <= 5000
    assert (world.device.identity.host, world.device.identity.device_id) == (FABRIKAM, "dev8")
    assert world.records == [("assigned", {"hub": FABRIKAM, "deviceId": "dev8"})]
    world.run(60000)
    assert [host for host, _ in world.arrived] == [FABRIKAM] * world.samples.count


def test_while_the_service_is_asked_led_samples_and_handlers_go_on_and_nothing_that_waits_is_lost():
    for answer in (GONE, ANSWERS["assigning for ever"], None, assigned(CONTOSO), assigned(FABRIKAM)):
        world = World(answer)
        world.hubs[FABRIKAM] = THERE
        world.run(1000)
        world.device.board.led.blink(BLINK_MS / 1000)
        world.device.methods.call("slow", ("console", 1), b"null", world.now, Caller())
        world.run(HOUR_MS // 4)
        assert world.asked()
        for rhythm, period in (
            (world.shown, BLINK_MS // 2),
            (world.samples, PERIOD_MS),
            (world.handled, HANDLER_MS),
        ):
            assert rhythm.worst <= period + EDGE_MS, (answer, period, rhythm.worst)
            assert world.now - rhythm.last <= period + EDGE_MS, (answer, period)
        world.hubs[CONTOSO] = THERE
        world.run(200000)
        numbers = [number for _, number in world.arrived]
        assert numbers == list(range(1, world.samples.count + 1)), answer


def test_a_device_that_has_never_been_assigned_waits_the_longest_when_it_is_refused():
    for name in ("disabled", "failed", "unauthorized", "not found", "no credentials", "no hub"):
        world = World(ANSWERS[name], record=None)
        world.run(HOUR_MS)
        assert 30 <= len(world.tries) <= 37, (name, len(world.tries))
        world.answer, world.hubs[CONTOSO] = assigned(CONTOSO), THERE
        world.until(world.ready, LONGEST_MS + 5000)


def test_what_was_kept_of_an_earlier_start_moves_to_another_hub_too_once():
    for hub in (CONTOSO, FABRIKAM):
        world = World(assigned(hub), disk={"messages": [[None, EPOCH, {"n": 0}]]})
        world.hubs[FABRIKAM] = THERE
        world.until(world.asked, HOUR_MS)
        world.hubs[CONTOSO] = THERE
        world.until(world.ready, LATEST_MS)
        world.run(60000)
        assert [number for _, number in world.arrived] == list(range(world.samples.count + 1))
        assert {where for where, _ in world.arrived} == {hub}


def test_a_program_that_ends_while_the_service_is_asked_keeps_what_waits():
    world = World(None, disk={"messages": []})
    world.until(lambda: world.device.identity.host == GLOBAL_DPS, HOUR_MS)
    ((_, name, kept),) = world.device.keep()
    assert name == "telemetry" and len(kept["messages"]) == world.samples.count


def test_a_device_that_is_assigned_after_hours_does_not_restart_for_having_been_alone():
    world = World(GONE, record=None)
    world.run(RESET_MS + 60000)
    world.answer, world.hubs[CONTOSO] = assigned(CONTOSO), GONE
    world.until(lambda: CONTOSO in world.hosts(), LATEST_MS)
    begun = world.now
    world.run(60000)
    world.hubs[CONTOSO] = THERE
    world.until(world.ready, LATEST_MS)
    assert world.resets == [], (begun, world.resets)
