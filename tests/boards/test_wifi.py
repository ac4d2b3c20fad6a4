"""Joining Wi-Fi, staying there, and not believing the radio."""

import pytest

from twinkle.ports.wifi import JOIN_MS, PAUSE_MS, RESTART_AFTER, Wifi


class Radio:
    """A station and the module it comes from; ``code`` is the driver's status."""

    STA_IF = 0
    PM_NONE = 0

    def __init__(self):
        self.code = 1
        self.calls = []
        self.WLAN = self
        self.up = False

    def __call__(self, interface):
        return self

    def country(self, code):
        self.calls.append(("country", code))

    def hostname(self, name):
        self.calls.append(("hostname", name))

    def active(self, on):
        self.up = on
        self.calls.append("up" if on else "down")

    def config(self, pm):
        self.calls.append(("pm", pm))

    def connect(self, ssid, password):
        assert self.up
        self.calls.append(("connect", ssid, password))

    def disconnect(self):
        self.calls.append("leave")

    def status(self):
        return self.code

    def isconnected(self):
        return self.code == 3


@pytest.fixture
def radio():
    return Radio()


@pytest.fixture
def wifi(radio):
    wifi = Wifi(radio, "DE", "twinkle")
    wifi.choose("home", "secret", 0)
    return wifi


def test_it_joins_without_power_saving_and_then_can_be_used(radio, wifi):
    assert wifi.step(0, 0) == "joining home"
    assert radio.calls == [
        *(("country", "DE"), ("hostname", "twinkle"), "up", ("pm", 0), ("connect", "home", "secret")),
    ]
    assert wifi.step(1000, 0) == "joining home"
    radio.code = 3
    assert wifi.step(2000, 0) is None
    assert len(radio.calls) == 5, "it joins once"


@pytest.mark.parametrize(
    ("code", "words"), [(-1, "joining failed"), (-2, "it is not there"), (-3, "the password is wrong")]
)
def test_a_refusal_is_named_and_tried_again_after_a_pause(radio, wifi, code, words):
    wifi.step(0, 0)
    radio.code = code
    assert words in wifi.step(1000, 0) and "secret" not in wifi.step(1000, 0)
    assert radio.calls[-2:] == ["leave", "down"]
    radio.calls.clear()
    assert words in wifi.step(1000 + PAUSE_MS - 1, 0) and radio.calls == []
    radio.code = 1
    assert wifi.step(1000 + PAUSE_MS, 0) == "joining home"
    assert "up" in radio.calls


def test_joining_for_too_long_begins_anew(radio, wifi):
    wifi.step(0, 0)
    assert wifi.step(JOIN_MS, 0) == "joining home"
    assert wifi.step(JOIN_MS + 1, 0) == "home does not answer"
    assert radio.calls[-1] == "down"


def test_a_network_that_is_lost_is_joined_again_at_once(radio, wifi):
    wifi.step(0, 0)
    radio.code = 3
    wifi.step(1000, 0)
    radio.code = 0
    assert wifi.step(2000, 0) == "home was lost"
    assert wifi.step(2000, 0) == "joining home"


def test_a_radio_that_is_deaf_though_joined_is_restarted_after_a_few_tries_that_nobody_answered(radio, wifi):
    wifi.step(0, 0)
    radio.code = 3
    for unanswered in range(RESTART_AFTER):
        assert wifi.step(1000 + unanswered, unanswered) is None
    assert "the radio starts again" in wifi.step(5000, RESTART_AFTER)
    assert radio.calls[-2:] == ["leave", "down"]
    radio.code = 1
    assert wifi.step(5000, 0) == "joining home"


def test_without_a_network_that_is_known_it_says_what_to_do(radio):
    assert "wifi set" in Wifi(radio).step(0, 0)


def test_another_network_is_joined_at_once(radio, wifi):
    wifi.step(0, 0)
    wifi.choose("elsewhere", "other", 100)
    assert wifi.step(100, 0) == "joining elsewhere"
    assert radio.calls[-1] == ("connect", "elsewhere", "other")
