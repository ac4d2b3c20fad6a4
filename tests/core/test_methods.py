"""Direct methods: every request gets exactly one answer."""

from driver import Driver

from twinkle import App
from twinkle.core.errors import BadRequest


def app_with_methods():
    app = App()

    @app.method("echo")
    def echo(board, payload):
        return payload

    @app.method("teapot")
    def teapot(board, payload):
        return 418, {"short": True}

    @app.method("fails")
    def fails(board, payload):
        return payload["missing"]

    @app.method("refuses")
    def refuses(board, payload):
        raise BadRequest("only on Sundays", 409)

    @app.method("slow")
    def slow(board, payload):
        yield payload
        return "done"

    @app.method("later")
    def later(board, payload):
        yield 202, None
        yield 6
        board.report({"later": {"value": "done"}})

    @app.method("odd")
    def odd(board, payload):
        return {"set": {1, 2}}

    return app


def ready():
    d = Driver(app_with_methods())
    d.connect(reported={"configId": 0, "sendFrequency": "30s"})
    return d


def test_a_value_is_answered_with_200():
    assert ready().call("echo", '{"a": [1, null]}') == (200, {"a": [1, None]})


def test_an_empty_payload_is_null():
    assert ready().call("echo", "") == (200, None)


def test_a_handler_may_choose_the_status():
    assert ready().call("teapot") == (418, {"short": True})


def test_an_unknown_method_is_404_and_says_what_there_is():
    status, payload = ready().call("nothing")
    assert status == 404
    assert "echo" in payload["error"]


def test_garbage_is_400():
    for garbage in ("{", "\x00\x01", "[1,", '{"a": [1]', "soon", "\x7f"):
        d = ready()
        status, payload = d.call("echo", garbage)
        assert status == 400 and "not JSON" in payload["error"]
        assert d.call("echo", "1", "2") == (200, 1)


def test_a_payload_that_is_too_large_is_413():
    status, payload = ready().call("echo", None)
    assert status == 413 and "too large" in payload["error"]


def test_a_failing_handler_is_500_with_an_explanation():
    status, payload = ready().call("fails", "{}")
    assert status == 500
    assert "fails failed: KeyError" in payload["error"]


def test_a_handler_may_refuse():
    assert ready().call("refuses") == (409, {"error": "only on Sundays"})


def test_a_slow_handler_answers_when_it_is_done_and_others_are_served_meanwhile():
    d = ready()
    assert d.call("slow", "3", "a") is None
    assert d.call("echo", "1", "b") == (200, 1)
    d.wait(2900)
    assert d.answer("a") is None
    d.wait(200)
    assert d.answer("a") == (200, "done")


def test_a_handler_past_the_deadline_is_answered_504_once():
    d = ready()
    d.call("slow", "60")
    d.wait(26000)
    status, payload = d.answer()
    assert status == 504 and "did not answer in time" in payload["error"]
    d.wait(60000)
    assert len(d.published("methods/res")) == 1


def test_an_answer_may_come_first_and_the_work_after():
    d = ready()
    assert d.call("later") == (202, None)
    d.wait(5900)
    assert d.reports() == []
    d.wait(200)
    assert d.reports() == [{"later": {"value": "done"}}]
    assert len(d.published("methods/res")) == 1


def test_requests_of_a_lost_connection_are_not_answered_on_the_next():
    d = ready()
    d.call("slow", "3")
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin()
    d.wait(5000)
    assert d.published("methods/res") == []


def test_too_many_slow_handlers_are_refused_not_queued():
    d = ready()
    answers = [d.call("slow", "9", str(n)) for n in range(9)]
    assert answers[:8] == [None] * 8
    assert answers[8][0] == 429


def test_a_name_may_be_encoded():
    assert ready().call("e%63ho", "5") == (200, 5)


def test_the_request_id_goes_back_as_it_was_written_and_one_that_no_topic_can_carry_is_not_answered():
    driver = Driver(app_with_methods())
    driver.connect()
    driver.call("nothing", rid="a%26b")
    assert driver.published("methods/res")[-1][1] == "$iothub/methods/res/404/?$rid=a%26b"
    answered = len(driver.published("methods/res"))
    for rid in ("", "+", "a b", "\xe9", "x" * 257):
        driver.call("nothing", rid=rid)
    assert len(driver.published("methods/res")) == answered
    assert driver.said("without a request id")


def test_a_payload_that_could_not_be_written_back_is_the_callers_fault():
    driver = Driver(app_with_methods())
    driver.connect()
    for rid, payload in enumerate(("[" * 300 + "]" * 300, "[1e999]", "{1: 2}", "[" * 300)):
        assert driver.call("echo", payload, rid=str(rid))[0] == 400, payload[:20]
    assert driver.call("echo", "[" * 30 + "]" * 30, rid="9")[0] == 200
