"""The connection: states, back-off, liveness, token renewal."""

from driver import EPOCH, Driver

from twinkle.core.errors import HubError, ProtocolError
from twinkle.core.link import RESET_MS, Link


def test_nothing_is_tried_before_the_clock_is_known():
    d = Driver()
    d.device.clock._base = None
    d.wait(10000)
    assert "connect" not in d.names()
    d.device.on_time(EPOCH, d.now)
    d.wait(1000)
    assert "connect" in d.names()


def test_the_back_off_grows_to_its_limit_and_jitters():
    link = Link(lambda: 0.0, 0)
    waits = []
    now = 0
    for _ in range(10):
        link.fire("due", now)
        link.fire("lost", now)
        waits.append(link.due - now)
        now = link.due
    assert waits == [0, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 100000, 100000]
    link = Link(lambda: 1.0, 0)
    link.fire("due", 0)
    link.fire("lost", 0)
    assert link.due == 1000
    link.fire("due", 1000)
    link.fire("lost", 1000)
    assert link.due == 1000 + 1000 + 5000


def test_a_link_that_held_starts_the_count_anew_and_one_that_did_not_goes_on():
    link = Link(lambda: 0.0, 0)
    for _ in range(5):
        link.fire("due", 0)
        link.fire("lost", 0)
    for event in ("due", "connected", "synced"):
        link.fire(event, 1000)
    link.fire("lost", 2000)
    assert link.due - 2000 == 16000
    for event in ("due", "connected", "synced"):
        link.fire(event, 20000)
    link.fire("lost", 60000)
    assert link.due == 60000


def test_a_device_with_a_certificate_has_no_token_to_renew():
    link, other = Link(lambda: 0.0, 0, tokens=False), Link(lambda: 0.0, 0)
    for each in (link, other):
        for event in ("due", "connected", "synced"):
            each.fire(event, 0)
    assert (link.renewal(), link.stale(10**9)) == (None, False)
    assert other.stale(3480000) and not other.stale(3479999)


def test_refused_credentials_are_tried_once_more_with_a_new_token_and_then_wait_the_longest():
    d = Driver()
    d.step()
    d.lost(HubError("the hub refused the credentials", code=5))
    # The clock was wrong, as it turns out.
    d.device.on_time(EPOCH + 86400, d.now)
    d.wait(1000)
    expiries = [action[2] for action in d.done if action[0] == "connect"]
    assert len(expiries) == 2 and expiries[1] - expiries[0] >= 86400
    d.lost(HubError("the hub refused the credentials", code=5))
    d.wait(99000)
    assert d.names().count("connect") == 2
    d.wait(2000)
    assert d.names().count("connect") == 3


def test_after_hours_without_a_hub_the_board_restarts_and_not_sooner():
    link = Link(lambda: 0.5, 0)
    for event in ("due", "connected", "synced"):
        link.fire(event, 0)
    link.fire("lost", 1000000)
    assert not link.abandoned(1000000 + RESET_MS - 1)
    assert link.abandoned(1000000 + RESET_MS)
    d = Driver()
    d.step()
    d.lost("no route to the hub")
    d.step(RESET_MS - 1)
    assert "reset" not in d.names()
    d.lost("no route to the hub")
    assert "reset" in [action[0] for action in d.step(1)]


def test_events_out_of_place_change_nothing():
    link = Link(lambda: 0.0, 0)
    assert not link.fire("connected", 0)
    assert not link.fire("synced", 0)
    assert not link.fire("lost", 0)
    assert link.state == "offline"


def test_a_quiet_link_is_pinged_and_a_silent_one_dropped():
    d = Driver(keep_alive=60)
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.wait(30100)
    assert d.names().count("ping") == 1
    d.device.on_heard(d.now)
    d.wait(30100)
    assert d.names().count("ping") == 2
    d.wait(10100)
    assert d.said("the hub fell silent")
    assert d.names()[-1] == "disconnect" or "disconnect" in d.names()


def test_a_hub_that_never_answers_the_twin_is_left():
    d = Driver()
    d.step()
    d.connected()
    for _ in range(70):
        d.wait(1000)
        d.device.on_heard(d.now)
    assert d.said("did not answer the twin request")
    assert d.names().count("connect") >= 2


def test_the_token_is_renewed_before_it_expires():
    d = Driver(keep_alive=1000)
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    for _ in range(58 * 60 + 1):
        d.wait(1000)
        d.device.on_heard(d.now)
    assert d.names().count("connect") == 2
    expiries = [action[2] for action in d.done if action[0] == "connect"]
    assert expiries[0] == EPOCH + 3600
    assert EPOCH + 58 * 60 + 3600 <= expiries[1] <= EPOCH + 58 * 60 + 3602
    names = d.names()
    assert names.index("disconnect") < len(names) - 1 - names[::-1].index("connect")


def test_a_problem_on_the_line_is_told_once_the_device_is_back():
    d = Driver()
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.lost(ProtocolError("the hub closed the connection in the middle of an exchange"))
    d.wait(1000)
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "24h"})
    assert d.reports() == [{"lastError": "the hub closed the connection in the middle of an exchange"}]
