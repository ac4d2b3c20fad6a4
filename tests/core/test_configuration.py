"""The configuration is applied once per id, stored before it is reported, last one wins."""

from driver import Driver

from twinkle.core.applying import seconds
from twinkle.core.errors import BadRequest
from twinkle.runtime import safe_mode

FIRST = {"configId": 1, "sendFrequency": "24h"}
THIRD = {"configId": 3, "sendFrequency": "5m"}
PENDING = {"status": "Pending", "pendingConfig": THIRD}
SUCCESS = {"configId": 3, "sendFrequency": "5m", "status": "Success", "pendingConfig": None}


def test_units_are_seconds_minutes_and_hours():
    assert [seconds(text) for text in ("30s", "5m", "24h", "168h")] == [30, 300, 86400, 604800]


def test_a_frequency_that_means_nothing_is_refused():
    for text in (
        "soon",
        "",
        "5",
        "m",
        "0s",
        "-5m",
        "1.5h",
        "169h",
        "99999999999s",
        "5 m",
        None,
        5,
        True,
        ["5m"],
    ):
        try:
            seconds(text)
        except BadRequest as error:
            assert "sendFrequency" in error.text
        else:
            raise AssertionError(text)


def test_a_new_id_goes_pending_stored_applied_reported():
    d = Driver()
    d.connect(THIRD, 2, FIRST)
    assert d.reports() == [PENDING]
    assert "store" not in d.names()
    d.acknowledge()
    assert ("store", "config", THIRD) in d.done
    d.step()
    assert d.reports() == [PENDING, SUCCESS]
    assert d.device.configuration.period_s == 300


def test_an_equal_id_does_nothing():
    d = Driver()
    d.connect({"configId": 1, "sendFrequency": "5m"}, 2, FIRST)
    d.notify({"configId": 1, "sendFrequency": "1m"}, 3)
    assert d.reports() == []
    assert "store" not in d.names()
    assert d.device.configuration.period_s == 86400


def test_an_id_of_another_type_is_another_id():
    d = Driver()
    d.connect({"configId": "1", "sendFrequency": "5m"}, 2, FIRST)
    d.acknowledge()
    d.step()
    assert d.device.configuration.applied["configId"] == "1"


def test_the_last_offer_wins_while_one_is_pending():
    d = Driver()
    d.connect(THIRD, 2, FIRST)
    d.notify({"configId": 4, "sendFrequency": "7m"}, 3)
    d.acknowledge()
    assert "store" not in d.names(), "the acknowledgement was of the first offer"
    d.acknowledge()
    d.step()
    assert d.reports()[-1]["configId"] == 4
    assert [r for r in d.reports() if r.get("status") == "Success" and r["configId"] == 3] == []


def test_going_back_to_the_applied_id_withdraws_the_offer():
    d = Driver()
    d.connect(THIRD, 2, FIRST)
    d.notify({"configId": 1}, 3)
    d.acknowledge()
    d.acknowledge()
    d.step()
    assert "store" not in d.names()
    assert d.reports()[-1]["pendingConfig"] is None
    assert d.device.configuration.applied == FIRST


def test_a_bad_frequency_is_rejected_with_a_reason_and_the_old_value_stays():
    d = Driver()
    d.connect({"configId": 2, "sendFrequency": "soon"}, 2, FIRST)
    report = d.reports()[-1]
    assert report["status"] == "Rejected"
    assert "sendFrequency" in report["reason"]
    assert report["configId"] == 1 and report["sendFrequency"] == "24h"
    assert d.device.configuration.period_s == 86400
    d.acknowledge()
    d.notify({"other": 1}, 3)
    assert len(d.reports()) == 1, "the same refusal is said once"
    d.notify(THIRD, 4)
    d.acknowledge()
    d.step()
    assert d.reports()[-1]["status"] == "Success"
    assert d.reports()[-1]["reason"] is None


def test_an_id_that_is_no_id_is_rejected():
    for config_id in ([], {}, 1.5, True):
        d = Driver()
        d.connect({"configId": config_id, "sendFrequency": "5m"}, 2, FIRST)
        assert d.reports()[-1]["status"] == "Rejected"
        assert "configId" in d.reports()[-1]["reason"]


def test_a_full_flash_is_reported_and_the_old_value_stays():
    d = Driver()
    d.flash_error = "flash: no space left"
    d.connect(THIRD, 2, FIRST)
    d.acknowledge()
    d.step()
    report = d.reports()[-1]
    assert report["status"] == "Failed" and "no space" in report["reason"]
    assert d.device.configuration.applied == FIRST
    assert d.device.configuration.period_s == 86400
    # With room again, the next connection applies it.
    d.flash_error = None
    d.acknowledge()
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin(THIRD, 2, report)
    d.acknowledge()
    d.step()
    assert d.device.configuration.applied == THIRD


def test_a_restart_between_stored_and_reported_tells_the_truth():
    d = Driver(records={"config": THIRD})
    reported = dict(FIRST)
    reported.update(PENDING)
    d.connect(THIRD, 2, reported)
    assert d.reports() == [SUCCESS]
    assert "store" not in d.names()


def test_a_restart_with_everything_in_order_reports_nothing():
    d = Driver(records={"config": THIRD})
    d.connect(THIRD, 2, {"configId": 3, "sendFrequency": "5m", "status": "Success"})
    assert d.reports() == []


def test_a_lost_link_while_pending_ends_in_the_latest_offer():
    d = Driver()
    d.connect(THIRD, 2, FIRST)
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin({"configId": 5, "sendFrequency": "1h"}, 3, FIRST)
    d.acknowledge()
    d.step()
    assert d.device.configuration.applied["configId"] == 5
    assert [a[2]["configId"] for a in d.done if a[0] == "store"] == [5]


def test_a_hub_that_offers_and_never_acknowledges_does_not_fill_the_memory():
    d = Driver()
    d.connect()
    for number in range(50):
        d.notify({"configId": 100 + number, "sendFrequency": "1m"}, 2 + number)
    assert len(d.device.context.reports) == 1
    d.acknowledge()
    d.acknowledge()
    assert d.device.configuration.applied["configId"] == 149


def test_safe_mode_does_not_leave_success_reported_for_what_it_put_aside():
    for status in ("Success", "Pending"):
        d = Driver(safe_mode.application(4, "why"))
        d.device.safe = True
        d.connect(THIRD, reported=dict(THIRD, status=status, pendingConfig=THIRD))
        (told,) = d.reports()
        assert told.pop("safeMode")["starts"] == 4
        assert told == {"status": "Failed", "reason": "put aside in safe mode", "pendingConfig": None}
