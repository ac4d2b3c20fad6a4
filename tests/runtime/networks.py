"""Joining Wi-Fi, staying there, and not believing the radio: the port against the driver, in virtual time."""

from mock_gpio import radio
from twinkle.core.errors import HardwareError
from twinkle.ports.wifi import JOIN_MS, PAUSE_MS, RESTART_AFTER, Wifi

WATCHDOG_MS = 8000  # boards/pico_w.json
PASSWORD = "a secret"
ERRORS = (1, 5, 22, 110, "ValueError", "TypeError", "MemoryError")


class Radio(radio.Radio):
    """The radio, and the module ``network`` that it comes from.

    ``told`` is the air; ``calls`` are the calls but for looks; the call with the number ``broken`` raises ``error``.
    ``longest`` is the longest time in which nobody fed a watchdog.
    """

    JOIN_MS = 2000

    def __init__(self, **told):
        self.told, self.now, self.calls = told, 0, []
        self.number, self.broken, self.error = 0, None, None
        self.unfed = self.longest = 0
        self.WLAN = self
        self.set = []
        super().__init__(lambda: self.now, self.wait, lambda: self.told)

    def __call__(self, interface):
        return self

    def country(self, code):
        self.set.append(code)

    hostname = country

    def wait(self, ms):
        self.now += ms
        self.unfed += ms
        self.longest = max(self.longest, self.unfed)

    def feed(self):
        self.unfed = 0

    def noticed(self, call, *arguments):
        self.number += 1
        if call not in ("status", "isconnected"):
            self.calls.append((call,) + arguments)  # noqa: RUF005 (MicroPython has no * here)
        if self.number == self.broken:
            raise self.error


def station(*networks, **told):
    """``(radio, wifi)``; of the networks, ``(name, password)`` each, the last is the one that was chosen last."""
    found = Radio(**told)
    wifi = Wifi(found, found.feed, "DE", "twinkle")
    for name, password in networks:
        wifi.join(name, password, lambda: 0)
    return found, wifi


def home(**told):
    """The same, which knows one network."""
    return station(("home", PASSWORD), **told)


def live(found, wifi, seconds, unanswered=0):
    """Let time pass; what was said, each text once in a row."""
    said, end = [], found.now + 1000 * seconds
    while found.now < end:
        found.feed()
        missing = wifi.step(found.now, unanswered)
        if said[-1:] != [missing]:
            said.append(missing)
        found.now += 50
    return said


def change(found, wifi, name, password):
    """Why it could not be changed, or None."""

    def wait():
        found.now += 50
        found.feed()

    try:
        wifi.join(name, password, lambda: found.now, wait)
    except HardwareError as error:
        return error.text
    return None


def test_it_joins_without_power_saving_and_then_can_be_used():
    found, wifi = home()
    assert live(found, wifi, 60) == ["joining home", None]
    calls = [
        ("deinit",),
        ("active", True),
        ("config", {"pm": Radio.PM_NONE}),
        ("connect", "home", PASSWORD, -1),
    ]
    assert found.calls == calls and found.set == ["DE", "twinkle"], "it joins once"


def test_a_refusal_is_named_and_tried_again_after_a_pause():
    for told, words in (
        ({"wifi": "gone"}, "it is not there"),
        ({"password": "another one"}, "the password is wrong"),
    ):
        found, wifi = home(**told)
        said = live(found, wifi, 4)
        assert said[-1] == "home cannot be joined: " + words and PASSWORD not in "".join(said)
        calls = len(found.calls)
        found.now += PAUSE_MS - 2000
        assert wifi.step(found.now, 0) == said[-1] and len(found.calls) == calls
        found.told = {}
        assert live(found, wifi, 10)[-1] is None


def test_joining_for_too_long_begins_anew_with_the_other_kind_of_security():
    found, wifi = home(security="WPA3")
    said = live(found, wifi, (JOIN_MS + PAUSE_MS) // 1000 + 5)
    assert said == ["joining home", "home cannot be joined: it does not answer", "joining home", None]
    assert found.calls[-1] == ("connect", "home", PASSWORD, Radio.SEC_WPA3)


def test_networks_of_every_kind_are_joined_and_known_for_what_they_are():
    for security, password in (("open", ""), ("WPA2", PASSWORD), ("WPA3", PASSWORD)):
        found, wifi = station(("home", password), security=security, password=password)
        assert live(found, wifi, 60)[-1] is None, security
        for _ in range(3):
            before = len(found.calls)
            found.told["wifi"] = "gone"
            live(found, wifi, 1)
            found.told["wifi"] = "there"
            assert live(found, wifi, 20)[-1] is None, security
            tries = [call for call in found.calls[before:] if call[0] == "connect"]
            assert tries and tries == [tries[0]] * len(tries), tries


def test_firmware_without_wpa3_is_not_asked_for_it():
    found, wifi = home(wifi="gone")
    wifi._wlan = type("Older", (), {"PM_NONE": Radio.PM_NONE})
    assert "joining failed" not in str(live(found, wifi, 60))
    assert {call[3] for call in found.calls if call[0] == "connect"} == {-1}, found.calls


def test_a_network_that_is_lost_is_joined_again_at_once():
    found, wifi = home()
    live(found, wifi, 10)
    found.told = {"wifi": "gone"}
    said = live(found, wifi, 0.05)
    found.told = {}
    assert said + live(found, wifi, 5) == ["home was lost", "joining home", None]


def test_a_radio_that_is_deaf_though_joined_is_restarted_after_a_few_tries_that_nobody_answered():
    found, wifi = home()
    live(found, wifi, 10)
    for unanswered in range(RESTART_AFTER):
        assert wifi.step(found.now, unanswered) is None
    assert "the radio starts again" in wifi.step(found.now, RESTART_AFTER)
    assert found.calls[-1] == ("deinit",)
    assert live(found, wifi, 5) == ["joining home", None]


def test_a_chip_that_hangs_is_cured_by_taking_its_power_and_no_watchdog_bites_meanwhile():
    for before in (1, 10):
        found, wifi = home()
        live(found, wifi, before)
        found.told = {"hung": 1}
        for _ in range(4):
            live(found, wifi, 30)
            live(found, wifi, 1, RESTART_AFTER)  # nobody answers through such a radio
        assert live(found, wifi, 30)[-1] is None and found.passes()
        assert found.longest < WATCHDOG_MS, found.longest


def test_a_chip_that_hangs_says_nothing_of_the_signal():
    found, wifi = home()
    assert wifi.signal() is None
    live(found, wifi, 10)
    assert wifi.signal() == -55
    found.told = {"hung": 1}
    assert wifi.signal() is None
    found.told = {"raises": {"status": 5}}
    assert wifi.signal() is None


def test_whatever_the_driver_raises_is_a_text_and_the_network_is_joined_when_that_is_over():
    for call in ("active", "deinit", "config", "connect", "status", "isconnected"):
        for error in ERRORS:
            for before in (0, 10):
                found, wifi = home()
                live(found, wifi, before)
                found.told = {"raises": {call: error}}
                for unanswered in (0, RESTART_AFTER, 0):
                    for missing in live(found, wifi, 10, unanswered):
                        assert missing is None or PASSWORD not in missing
                found.told = {}
                assert live(found, wifi, 30)[-1] is None, (call, error)


def test_each_call_into_the_driver_may_fail():
    cases = 0
    for errno in (1, 5, 110):
        broken = 1
        while True:
            found, wifi = home()
            found.broken, found.error = broken, OSError(errno)
            live(found, wifi, 5)
            live(found, wifi, 1, RESTART_AFTER)
            live(found, wifi, 20)
            assert live(found, wifi, 20)[-1] is None, broken
            if found.number < broken or broken > 60:
                break
            broken, cases = broken + 1, cases + 1
    assert cases == 180


def test_what_a_scan_hears_is_text_whatever_the_networks_are_called():
    latin, control = "Küche".encode().replace(b"\xc3\xbc", b"\xfc"), b"\x1b[31m\xff"
    names = (list(latin), list(control), "Küche", "", [0] * 32, [0xFF] * 32)
    _, wifi = home(networks=[[name, -40] for name in names])
    assert wifi.scan() == [("K?che", -40), ("?[31m?", -40), ("Küche", -40), ("?" * 32, -40)]


def test_a_scan_that_fails_is_a_hardware_error():
    for call in ("active", "scan"):
        for error in ERRORS:
            _, wifi = home(raises={call: error})
            try:
                raise AssertionError(wifi.scan())
            except HardwareError as failed:
                assert "the radio failed" in failed.text


def test_what_cannot_be_joined_by_any_radio_is_a_text_and_the_driver_overruns_nothing():
    for name, password in (
        ("n" * 33, PASSWORD),
        ("ü" * 17, PASSWORD),
        ("home", "p" * 65),
        ("home", "ü" * 40),
    ):
        found, wifi = station((name, password))
        said = [text or "" for text in live(found, wifi, 20)]
        assert [text for text in said if "the radio failed" in text], said
        assert "p" * 65 not in "".join(said)


def test_without_a_network_that_is_known_it_says_what_to_do():
    _, wifi = station()
    assert "wifi set" in wifi.step(0, 0) and wifi.signal() is None


def test_another_network_is_joined_at_once():
    found, wifi = home()
    wifi.step(0, 0)
    wifi.join("elsewhere", PASSWORD, lambda: 100)
    assert wifi.step(100, 0) == "joining elsewhere"
    assert found.calls[-1] == ("connect", "elsewhere", PASSWORD, -1)


def test_a_network_that_was_chosen_and_is_not_there_does_not_cost_the_one_before():
    found, wifi = station(("home", PASSWORD), ("elsewhere", "another secret"), ssid="home")
    assert live(found, wifi, 60)[-1] is None
    assert found.calls[-1][1] == "home"
    found.told = {"ssid": "elsewhere"}
    assert live(found, wifi, 60)[-1] is None
    assert found.calls[-1][1] == "elsewhere"


def test_a_network_through_which_nobody_answers_is_left_for_another_that_is_known():
    found, wifi = station(("home", PASSWORD), ("elsewhere", "another secret"))
    live(found, wifi, 10)
    live(found, wifi, 0.05, RESTART_AFTER)
    assert live(found, wifi, 10)[-1] is None and found.calls[-1][1] == "home"


def test_a_change_is_kept_if_the_network_can_be_joined_and_taken_back_if_not():
    for told, words in (
        ({}, None),
        ({"security": "WPA3"}, None),
        ({"ssid": "home"}, "it is not there"),
        ({"password": PASSWORD}, "the password is wrong"),
        ({"raises": {"connect": 22}}, "the radio failed"),
    ):
        found, wifi = home()
        live(found, wifi, 10)
        found.told, begun = told, found.now
        why = change(found, wifi, "elsewhere", "another secret")
        assert words in why if words else why is None, (why, words)
        assert found.now - begun < 50000
        found.told = {}
        assert live(found, wifi, 30)[-1] is None
        joined = [call for call in found.calls if call[0] == "connect"][-1]
        assert joined[1] == ("home" if words else "elsewhere"), joined


def test_a_change_on_a_device_that_knew_no_network_is_no_worse_for_having_failed():
    found, wifi = station(wifi="gone")
    assert "it is not there" in change(found, wifi, "home", PASSWORD)
    assert "wifi set" in wifi.step(found.now, 0)
    found.told = {}
    assert change(found, wifi, "home", PASSWORD) is None
