"""Cloud-to-device messages."""

from driver import Driver

from twinkle import App


def listening(fails=False):
    heard = []
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.message
    def listen(board, properties, payload):
        heard.append((properties, payload))
        if fails:
            raise ValueError("no")

    d = Driver(app)
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    return d, heard


def test_only_an_app_that_handles_messages_subscribes_to_them():
    assert len(Driver().device.subscriptions) == 3
    assert listening()[0].device.subscriptions[3] == "devices/MyDevice01/messages/devicebound/#"


def test_a_message_comes_with_its_properties():
    d, heard = listening()
    d.hear("devices/MyDevice01/messages/devicebound/%24.mid=m1&level=a%20b&none&empty=", "hello")
    assert heard == [({"$.mid": "m1", "level": "a b", "none": None, "empty": ""}, b"hello")]


def test_a_message_that_is_too_large_or_a_handler_that_fails_is_told():
    d, heard = listening(fails=True)
    d.hear("devices/MyDevice01/messages/devicebound/", None)
    d.hear("devices/MyDevice01/messages/devicebound/", "x")
    d.step()
    assert len(heard) == 1
    assert d.said("too large") and d.said("message failed: ValueError")
    assert d.device.link.state == "ready"
