"""When a radio is taken down and up again, and when it is left alone: the whole device in virtual time."""

from driver import EPOCH, Driver

from mock_gpio import radio
from twinkle import compat
from twinkle.core.errors import HardwareError, Unreachable, WireError
from twinkle.ports.contract import Port
from twinkle.ports.wifi import Wifi
from twinkle.runtime import runner
from twinkle.runtime.log import Log
from twinkle.runtime.maintenance import Maintenance
from twinkle.runtime.stream import Network
from twinkle.runtime.terminal import Terminal

SECRET = "a secret"
ASKING_MS = 14000  # how long lwIP asks when no name server answers
CONNECTING_MS = 10000
NO_ADDRESS, NO_ROUTE, NO_ANSWER, REFUSED, RESET = -2, 113, 110, 111, 104
# What the air is like: no access point; joined, but nothing passes; as it should be.
GONE, DEAF, THERE = "gone", "deaf", "there"


class Radio(radio.Radio):
    """A Pico W's station, and the module it comes from. ``downs`` is when its power was taken."""

    JOIN_MS = 2000

    def __init__(self, room):
        super().__init__(room.ticks, room.sleep, lambda: dict(room.told, wifi=room.air))
        self.WLAN = self
        self.room = room
        self.downs = []

    def __call__(self, interface):
        return self

    def noticed(self, call, *arguments):
        if call == "deinit":
            self.downs.append(self.room.now)


class Hub:
    """A hub as sockets and umqtt.simple see it. ``mood``: None, an errno, or what is wrong with its TLS."""

    class MQTTException(Exception):
        pass

    def __init__(self, room, mood):
        self.room, self.mood = room, mood
        self.tries = self.pid = 0
        self.connected = 0  # so many times

    def MQTTClient(self, *arguments):
        self.tries += 1
        return self

    def set_callback(self, callback):
        pass

    def connect(self, clean):
        line = self.room.runner.network.socket()
        line.connect(("contoso.azure-devices.net", 8883))
        if isinstance(self.mood, WireError):
            raise self.mood
        self.connected += 1

    def Connection(self, addresses, *arguments):
        mood = self.mood if self.room.radio.passes() else NO_ROUTE
        if isinstance(mood, int):
            self.room.now += 50 if mood in (REFUSED, RESET) else CONNECTING_MS
            raise OSError(mood)
        return self

    def answers(self, *arguments):
        return self.room.radio.passes() and not isinstance(self.mood, int)

    def subscribe(self, topic, qos):
        pass

    publish = ping = disconnect = lambda *arguments: None

    def wait(self, ms, writing=False):
        self.room.now += ms

    def close(self):
        pass


class Store:
    """Keeps what it is told to."""

    def __init__(self):
        self.records = {}

    def save(self, name, record):
        self.records[name] = record


class Room(Port):
    """The port of a device in a room with an access point, with ``hub`` at the other end. ``told``: more of the air."""

    def __init__(self, air=THERE, hub=None):
        super().__init__({}, "")
        self.air, self.now, self.told = air, 0, {}
        self.kept = 0
        self.radio, self.hub = Radio(self), Hub(self, hub)
        self._wifi = Wifi(self.radio, self.feed)
        self._wifi.join("home", SECRET, self.ticks)
        self.radio.downs.clear()
        self.device = Driver(epoch=None).device
        self.log = Log(lambda line: None, self.ticks)
        self.runner = runner.Runner(
            *(self.device, self, Store(), self.log, Terminal(self), self.hub, None, 60)
        )

    def live(self, seconds):
        """Let time pass."""
        end = self.now + seconds * 1000
        while self.now < end:
            self.runner.turn()
            self.now += 1

    def ticks(self):
        return self.now

    def utc(self):
        return EPOCH + self.now / 1000

    def random(self):
        return 0.5

    def sleep(self, ms):
        self.now += ms

    def network(self, count):
        return self._wifi.step(self.now, count)

    def join(self, ssid, password, wait=None):
        self._wifi.join(ssid, password, self.ticks, wait)

    def keep_time(self):
        self.kept += 1
        return "no time from a server"

    def look_up(self, host, port):
        if self.air == DEAF:
            self.now += ASKING_MS
        if not self.radio.passes():
            raise OSError(NO_ADDRESS)
        return [("the hub's",)]


def story(air=THERE, hub=None):
    """A Room in which nothing of this computer's network is used. It must be left with restore()."""
    own = compat.tls_context, compat.Connection, compat.answers
    compat.tls_context = lambda *arguments: None
    room = Room(air, hub)
    compat.Connection, compat.answers = room.hub.Connection, room.hub.answers

    def restore():
        compat.tls_context, compat.Connection, compat.answers = own

    room.restore = restore
    return room


def test_a_network_that_has_come_back_is_left_alone_however_long_it_was_away():
    for seconds in (45, 60, 600):
        room = story(GONE)
        try:
            room.live(seconds)
            assert room.hub.tries >= 3
            room.air = THERE
            room.live(7)
            assert room.radio.isconnected(), room.log.ring
            downs = len(room.radio.downs)
            room.live(60)
            assert len(room.radio.downs) == downs, room.log.ring
            assert room.hub.connected, room.log.ring
        finally:
            room.restore()


def test_a_hub_that_answers_in_whatever_way_is_no_reason_to_take_the_radio_down():
    for mood in (REFUSED, RESET, WireError("the hub's certificate is not for contoso.azure-devices.net")):
        room = story(hub=mood)
        try:
            room.live(1800)
            assert room.hub.tries > 10 and room.radio.downs == [], room.log.ring
        finally:
            room.restore()


def test_a_radio_that_says_it_is_joined_but_through_which_nobody_answers_starts_again():
    for air, mood in ((DEAF, None), (THERE, NO_ROUTE), (THERE, NO_ANSWER)):
        room = story(air, mood)
        try:
            room.live(600)
            assert 2 <= len(room.radio.downs) <= room.hub.tries // 3, (room.radio.downs, room.hub.tries)
            room.air, room.hub.mood = THERE, None
            room.live(150)
            assert room.hub.connected, room.log.ring
        finally:
            room.restore()


def test_only_tries_in_a_row_that_nobody_answered_count():
    room = story(hub=REFUSED)
    try:
        for _ in range(10):
            for mood in (NO_ROUTE, NO_ROUTE, REFUSED):
                room.hub.mood, tries = mood, room.hub.tries
                while room.hub.tries == tries:
                    room.live(1)
        assert room.radio.downs == [], room.log.ring
    finally:
        room.restore()


def test_a_device_that_is_connected_does_not_say_that_its_network_is_being_joined():
    # After a soft restart the radio is still in the network that it is told to join.
    room = story()
    try:
        room.radio.active(True)
        room.radio.connect("home", SECRET)
        room.network = lambda count: "joining home"
        room.live(5)
        assert room.device.link.state == "syncing", room.log.ring
        assert room.runner.network.missing is None
    finally:
        room.restore()


def test_the_time_is_kept_with_a_connection_and_what_is_wrong_with_it_is_logged():
    room = story()
    try:
        room.live(10)
        assert room.hub.connected and room.kept == 0
        room.now += 60000
        room.runner.turn()
        assert room.kept == 1, "once a minute"
        assert [line for line in room.log.ring if "no time from a server" in line]
    finally:
        room.restore()


def test_a_port_that_nobody_listens_on_is_an_answer_and_a_name_that_nobody_knows_is_none():
    def nobody(host, port):
        raise OSError(NO_ADDRESS)

    for look_up, answered in ((compat.look_up, True), (nobody, False)):
        try:
            Network(None, lambda: 0, lambda: None, look_up).socket().connect(("127.0.0.1", 1))
        except Unreachable as error:
            assert error.answered == answered, error
        else:
            raise AssertionError("it was reached")


def test_a_chip_that_hangs_while_the_hub_is_connected_is_cured():
    room = story()
    try:
        room.live(10)
        assert room.hub.connected == 1
        room.told = {"hung": 1}
        room.live(300)
        assert room.radio.passes() and room.hub.connected > 1, room.log.ring
    finally:
        room.restore()


def test_whatever_the_radio_raises_the_device_is_with_its_hub_when_that_is_over():
    for call in ("active", "deinit", "config", "connect", "status", "isconnected"):
        for error in (1, 110, "ValueError", "MemoryError"):
            room = story()
            try:
                room.told = {"raises": {call: error}}
                room.live(30)
                room.told = {}
                room.live(60)
                assert room.hub.connected, room.log.ring
            finally:
                room.restore()


def test_a_network_set_on_the_console_is_stored_once_it_was_joined():
    for told, password, words in (
        ({}, "another secret", None),
        ({"security": "WPA3"}, "another secret", None),
        ({"security": "open", "password": ""}, "", None),
        ({"ssid": "home"}, "another secret", "elsewhere cannot be joined"),
        ({"password": SECRET}, "another secret", "the password is wrong"),
        ({"security": "open"}, "another secret", "elsewhere"),
    ):
        room = story()
        try:
            room.live(10)
            connected, room.told = room.hub.connected, told
            try:
                Maintenance(room.runner).join("elsewhere", password)
                text = None
            except HardwareError as error:
                text = error.text
            stored = room.runner.store.records.get("wifi")
            if words is None:
                assert text is None and stored == {"ssid": "elsewhere", "password": password}, (told, text)
            else:
                assert words in text and stored is None, (told, text)
                room.told = {"ssid": "home", "password": SECRET}
            room.live(60)
            assert room.hub.connected > connected == 1, room.log.ring
            assert not [line for line in room.log.ring if "secret" in line]
        finally:
            room.restore()
