"""The port contract; see telling.py for how it is told."""

from telling import DIRECTORY, PATIENCE_MS, SETTINGS, TYPING_MS, make, pins, run, tell

from twinkle.core.errors import HardwareError


def levels():
    return [entry["led"] if "led" in entry else entry["level"] for entry in pins()]


def fails(port):
    try:
        port.read_sensor()
    except HardwareError as error:
        return str(error)
    raise AssertionError("no HardwareError")


def story_time_only_goes_forward(port):
    before = port.ticks()
    port.sleep(30)
    assert 25 <= port.ticks() - before < 25000, "they are no milliseconds"


def story_chance_is_from_0_up_to_1(port):
    found = [port.random() for _ in range(100)]
    assert 0 <= min(found) <= max(found) < 1 and len(set(found)) > 90


def story_the_led_shows_what_it_is_told(port):
    for level in (1.0, 0.0, 0.25, 0.0):
        port.led(level)
    shown = levels()[-4:]
    dimmed = 0.25 if SETTINGS["led"].get("pwm") else 1.0
    assert [round(level, 2) for level in shown] == [1.0, 0.0, dimmed, 0.0], shown


def story_the_sensor_says_what_the_room_is_like(port):
    for temperature, humidity in ((23.4, 51.2), (-7.5, 99.9), (-23.8, 70.7), (0.0, 20.0)):
        tell(temperature=temperature, humidity=humidity)
        port.rest()
        warm, damp = port.read_sensor()
        assert (warm, damp) == (temperature, humidity), "what the sensor counts, to the tenth"


def story_a_sensor_that_must_rest_answers_as_before(port):
    tell(temperature=20.0, humidity=50.0)
    port.rest()
    first = port.read_sensor()
    tell(temperature=30.0, humidity=60.0)
    ticks, now = port.ticks, port.ticks()
    port.ticks = lambda: now  # a slow computer does not let it rest meanwhile
    again, resting = port.read_sensor(), port.resting()
    port.ticks = ticks
    assert again == first and 0 < resting <= 2000
    port.rest()
    assert port.resting() == 0 and port.read_sensor() != first


def story_a_sensor_that_fails_is_a_hardware_error_and_the_next_sample_is_good(port):
    for fault in ("absent", "bit", "cut"):
        tell(temperature=20.0, humidity=50.0, fault=fault)
        port.rest()
        assert fails(port)
        tell(temperature=21.0, humidity=50.0)
        port.rest()
        assert port.read_sensor()[0] == 21.0


def story_a_dht22_that_sends_the_twos_complement_is_understood(port):
    for temperature, humidity in ((-0.1, 50.0), (-2.3, 69.5), (-40.0, 99.9), (5.2, 40.0)):
        tell(temperature=temperature, humidity=humidity, complement=True)
        port.rest()
        assert port.read_sensor() == (temperature, humidity)


def story_nothing_but_zeros_is_a_failure(port):
    tell(temperature=20.0, humidity=50.0, fault="zeros")
    port.rest()
    assert "cannot measure 0.0 degrees" in fails(port)
    tell(temperature=21.0, humidity=50.0)
    port.rest()
    assert port.read_sensor() == (21.0, 50.0)


def story_a_value_that_cannot_be_leaves_the_other_known(port):
    for temperature, humidity, known in ((21.5, 130.0, (21.5, None)), (120.0, 50.0, (None, 50.0))):
        tell(temperature=temperature, humidity=humidity)
        port.rest()
        try:
            raise AssertionError(port.read_sensor())
        except HardwareError as error:
            assert error.sample == known
    tell(temperature=20.0, humidity=50.0)


def story_what_no_sensor_can_measure_is_refused(port):
    tell(temperature=120.0, humidity=50.0)
    port.rest()
    assert "cannot measure" in fails(port)


def story_its_own_temperature_is_a_number_if_it_has_one(port):
    value = port.own_temperature()
    assert value is None or -40 < value < 120


def story_the_network_can_be_used_and_the_time_is_known_soon(port):
    begin = port.ticks()
    while True:
        missing = port.network(0)
        if missing is None:
            break
        assert isinstance(missing, str) and missing
        assert port.ticks() - begin < PATIENCE_MS, missing
        port.sleep(50)
    assert port.utc() > 1704067200


def story_a_radio_through_which_no_name_server_answers_starts_again_while_the_time_is_not_known(port):
    if port.network(0) is None or port.utc():
        return  # it has none, or waits for nothing
    tell("air", wifi="deaf")
    said = []
    for _ in range(100):
        said.append(port.network(0))
        port.sleep(20)
        port.skip(2000)
    tell("air")
    starts = len([text for text in said if "radio starts again" in text])
    assert 3 <= starts <= 6, said


def story_whatever_the_radio_raises_is_a_text_and_the_network_can_be_used_when_that_is_over(port):
    if "wifi" not in SETTINGS:
        return
    for call in ("active", "deinit", "config", "connect", "status", "isconnected", "scan"):
        for error in (1, 110, "ValueError"):
            tell("air", raises={call: error})
            for unanswered in (0, 3, 3, 0):
                port.network(unanswered)
                port.signal()
                port.skip(30000)
            try:
                port.scan()
            except HardwareError as failed:
                assert "the radio failed" in str(failed)
    use_network(port)


def use_network(port):
    """Wait until it can be used, in fair weather."""
    tell("air")
    tell("clock")
    port.skip(30000)
    begin = port.ticks()
    while port.network(0):
        assert port.ticks() - begin < PATIENCE_MS
        port.sleep(50)


def asked():
    """How often a time server was asked."""
    try:
        with open(DIRECTORY + "/asked") as file:
            return int(file.read())
    except OSError:
        return 0


def story_with_a_connection_the_time_is_asked_for_once_a_day(port):
    if "clock" not in SETTINGS:
        return
    use_network(port)
    before = asked()
    for _ in range(30):
        for _ in range(24 * 6):
            port.skip(600000)
            assert port.keep_time() is None
    assert 29 <= asked() - before <= 30, asked() - before


def story_without_one_it_is_asked_for_more_often_since_the_clock_may_be_why(port):
    if "clock" not in SETTINGS:
        return
    use_network(port)
    before = asked()
    for _ in range(60):
        port.skip(60000)
        assert port.network(0) is None
    assert 4 <= asked() - before <= 6, asked() - before


def story_a_name_server_that_is_gone_takes_little_of_the_time_from_everything_else(port):
    """With what the hub's own look-ups take, an eighth (runtime.stream), no more than 15 % of it."""
    if "clock" not in SETTINGS:
        return
    import ntptime

    use_network(port)
    asks, knows, spent = ntptime.time, port.utc, [0]

    def nobody_answers():
        port.skip(14000)  # lwIP gives up then
        spent[0] += 14000
        raise OSError(-2)

    for known, most in ((False, 0.15), (True, 0.15 - 1 / 8)):
        port.utc = knows if known else lambda: None
        ntptime.time, spent[0] = nobody_answers, 0
        begun = port.ticks()
        try:
            while port.ticks() < begun + 3600000:
                if "joining" in (port.network(0) or ""):
                    port.sleep(20)  # the radio joins in its own time
                else:
                    port.skip(1000)
        finally:
            ntptime.time, port.utc = asks, knows
        assert most / 2 * 3600000 < spent[0] <= most * 3600000, (known, spent)
    use_network(port)


def story_a_time_that_cannot_be_is_refused_with_a_connection_or_without(port):
    if "clock" not in SETTINGS:
        return
    use_network(port)
    for ntp in ("death", 1, 1704067199, 2085978497, 2400000000, "noise", "silent"):
        tell("clock", ntp=ntp)
        right = port.utc()
        port.skip(700000)
        assert port.network(0) is None, "the time is known"
        port.skip(90000000)
        assert "no time from" in port.keep_time()
        assert right <= port.utc() < right + 60, (ntp, right, port.utc())
    # The hub was connected with the clock as it is, so it is not wrong by a year.
    tell("clock", ntp=port.utc() + 31536000)
    port.skip(90000000)
    assert "no time from" in port.keep_time() and right <= port.utc() < right + 60
    tell("clock", ntp=port.utc() + 100)
    port.skip(90000000)
    assert port.keep_time() is None
    assert port.utc() >= right + 100
    use_network(port)


def story_an_led_on_the_radio_shows_the_same_when_the_radio_has_started_again(port):
    if SETTINGS["led"].get("pin") != "LED":
        return
    use_network(port)
    for level in (1.0, 0.0):
        port.led(level)
        port.network(3)
        use_network(port)
        assert levels()[-1] == level
    port.led(0.0)


def story_an_led_that_is_on_a_gpio_is_left_alone_when_the_radio_starts_again(port):
    if SETTINGS["led"].get("pin") == "LED":
        return
    use_network(port)
    for level in (1.0, 0.0):
        port.led(level)
        before = levels()
        port.network(3)
        use_network(port)
        assert levels() == before, "it flickered"


def story_it_has_a_name_and_counts_its_memory(port):
    assert port.unique_id() is None or len(port.unique_id()) >= 4
    assert port.started_by() is None or port.started_by()
    assert port.memory() > 1000


def story_what_is_typed_arrives_and_what_is_shown_is_taken(port):
    guest = None
    if "console" in SETTINGS:
        import socket

        guest = socket.socket(socket.AF_UNIX)
        guest.connect(SETTINGS["console"]["socket"])
        guest.send(b"typed\n")
    found = b""
    begin = port.ticks()
    while found != b"typed\n":
        found += port.typed()
        assert port.ticks() - begin < TYPING_MS, found
        port.sleep(20)
    assert port.typed() == b""
    shown = b"what is shown\r\n" * 20
    while shown:
        shown = shown[port.show(shown) :]
    if guest:
        second = socket.socket(socket.AF_UNIX)
        second.connect(SETTINGS["console"]["socket"])
        port.typed()
        assert second.recv(100).startswith(b"err 409") and guest.recv(400) == b"what is shown\r\n" * 20
        guest.close()
        assert port.typed() == b"\x03" and port.show(b"nobody sees this") == 16


def story_starts_in_a_row_are_counted_until_one_went_well(port):
    first, second = port.count_start(), port.count_start()
    assert (first, second) == (1, 1) or second == first + 1, (first, second)
    port.forget_starts()
    assert port.count_start() == 1


def story_networks_in_reach_have_names_and_strengths_or_are_not_its_business(port):
    try:
        found = port.scan()
    except HardwareError as error:
        assert error.remedy
        return
    for name, signal in found:
        assert name and -120 < signal < 0, found


def story_it_can_be_fed_at_any_time(port):
    port.feed()
    port.ready()
    for _ in range(3):
        port.feed()


run(globals(), make())
