"""Connections, sessions and links as a client meets them."""

import pytest
from azure.eventhub._pyamqp import performatives
from azure.eventhub._pyamqp.endpoints import Source, Target
from azure.eventhub._pyamqp.outcomes import Accepted
from peer import AMQP, SASL, Nodes, Peer, text, whole

from twinkle_host.hub.amqp import Refused, read_message
from twinkle_host.hub.amqp.link import CREDIT, MAX_MESSAGE, MAX_UNSETTLED
from twinkle_host.hub.amqp.session import HANDLE_MAX, WINDOW


def condition(fields):
    """The condition in the last field of a detach, end or close."""
    return fields[-1][0].decode() if fields[-1] else None


def names(heard):
    return [name for name, _, _ in heard]


# --- beginning and end


def test_a_client_is_offered_the_mechanisms_and_opens(peer):
    peer.say_raw(SASL)
    header, mechanisms = peer.hear()
    assert header[1] == SASL
    assert mechanisms[1][0] == [b"MSSBCBS", b"ANONYMOUS", b"PLAIN", b"EXTERNAL"]
    peer.say(0, performatives.SASLInit, b"\x01", mechanism=b"MSSBCBS")
    assert peer.hear_one("outcome")[0] == 0
    peer.say_raw(AMQP)
    peer.say(0, performatives.OpenFrame, container_id="me")
    header, opened = peer.hear()
    assert header[1] == AMQP and opened[1][0] == b"the hub" and len(opened[1]) == 10


def test_without_sasl_it_opens_as_well(peer):
    peer.say_raw(AMQP)
    peer.say(0, performatives.OpenFrame, container_id="me")
    assert names(peer.hear()) == ["header", "open"]


@pytest.mark.parametrize("password, code, state", [("secret", 0, "sasl done"), ("wrong", 1, "closed")])
def test_plain_is_asked_of_the_container(peer, password, code, state):
    peer.say_raw(SASL)
    response = f"\x00ann\x00{password}".encode()
    peer.say(0, performatives.SASLInit, b"\x01", mechanism=b"PLAIN", initial_response=response)
    assert peer.hear()[-1][1][0] == code and peer.connection.state == state


def test_what_is_no_amqp_hears_what_the_hub_speaks_and_nothing_else(peer):
    peer.say_raw(b"GET / HTTP/1.1\r\n\r\n")
    assert peer.hear_raw() == SASL and peer.connection.state == "closed"


def test_each_frame_has_its_place(peer):
    peer.say_raw(SASL)
    peer.say(0, performatives.SASLInit, b"\x01", mechanism=b"ANONYMOUS")
    peer.say_raw(AMQP)
    peer.hear()
    peer.begin()
    opened, close = peer.hear()
    assert opened[0] == "open" and condition(close[1]) == "amqp:illegal-state"
    assert peer.connection.state == "closed"


def test_a_close_is_answered_and_ends_its_links(peer):
    peer.reading()
    peer.say(0, performatives.CloseFrame)
    assert peer.hear_one("close")[0] is None
    assert peer.nodes.links == [] and len(peer.nodes.left) == 1


def test_what_comes_after_the_end_is_not_looked_at(peer):
    peer.opened()
    peer.say(0, performatives.CloseFrame)
    peer.hear()
    peer.say_raw(b"\xff" * 100)
    assert peer.hear_raw() == b""


# --- time


def test_a_client_that_wants_a_pulse_gets_one(peer):
    peer.opened(idle_timeout=30000)
    assert peer.connection.step(peer.now) == 15
    assert peer.connection.step(peer.now + 15) == 15
    assert names(peer.hear()) == ["empty"]


def test_a_client_that_is_silent_is_dropped_after_twice_what_it_was_told(peer):
    peer.opened()
    peer.now += 200
    peer.say_raw(b"\x00\x00\x00\x08\x02\x00\x00\x00")
    assert peer.connection.step(peer.now + 239) == pytest.approx(1)
    assert peer.hear() == []
    peer.connection.step(peer.now + 240)
    assert condition(peer.hear_one("close")) == "amqp:connection:forced"


# --- reading


def test_a_reader_gets_as_much_as_it_gave_credit_for(peer):
    peer.nodes.well.messages = [text(number) for number in range(5)]
    peer.reading(credit=2)
    first, second = peer.hear()
    assert [first[2], second[2]] == [text(0), text(1)]
    assert first[1][:6] == [0, 0, b"\x00\x00\x00\x00", 0, True, False]
    peer.flow(0, 2, seen=2)
    assert [payload for _, _, payload in peer.hear()] == [text(2), text(3)]
    # It had seen one when it gave credit for two more, and has two by now.
    peer.flow(0, 2, seen=3)
    assert [payload for _, _, payload in peer.hear()] == [text(4)]


def test_a_reader_without_credit_gets_nothing_and_nothing_is_taken_for_it(peer):
    peer.nodes.well.messages = [text(0)]
    peer.reading()
    assert peer.hear() == [] and peer.nodes.well.messages == [text(0)]


def test_the_windows_of_sessions_are_kept_to(peer):
    peer.nodes.well.messages = [text(number) for number in range(10)]
    peer.reading(window=3)
    peer.flow(0, 10, window=3)
    assert len(peer.hear()) == 3
    peer.flow(0, 7, seen=3, next_id=3, window=2)
    assert len(peer.hear()) == 2
    peer.flow(None, None, seen=None, next_id=5, window=100)
    assert len(peer.hear()) == 5


def test_a_large_message_comes_in_frames_of_the_readers_size_and_waits_for_its_window(peer):
    peer.nodes.well.messages = [bytes(range(256)) * 8]
    peer.begun(window=2, max_frame_size=512)
    peer.attach(0, "well", True)
    peer.hear()
    peer.flow(0, 1, window=2)
    heard = peer.hear()
    assert [fields[5] for _, fields, _ in heard] == [True, True]
    peer.flow(0, 0, seen=1, next_id=2, window=100)
    heard += peer.hear()
    assert b"".join(payload for _, _, payload in heard) == bytes(range(256)) * 8
    assert [fields[1] for _, fields, _ in heard] == [0] + [None] * (len(heard) - 1)
    assert heard[-1][1][5] is False


def test_readers_of_one_connection_take_turns(peer):
    peer.nodes.well.messages = [text(number) for number in range(6)]
    peer.begun()
    for handle in (0, 1):
        peer.attach(handle, "well", True)
    peer.hear()
    peer.connection.sessions[0].links[0].credit = 3
    peer.flow(1, 3)
    frames = peer.hear()
    assert [fields[0] for _, fields, _ in frames] == [0, 1, 0, 1, 0, 1]


def test_credit_that_is_to_be_used_up_is_and_that_is_said_once(peer):
    """2.6.7: "the sender's value is always the last known value indicated by the receiver"; rhea waits for it."""
    peer.nodes.well.messages = [text(0)]
    peer.reading()
    peer.flow(0, 5, drain=True, echo=True)
    transfer, flow = peer.hear()
    assert transfer[0] == "transfer" and flow[1][4:9] == [0, 5, 0, 0, True]
    peer.connection.pump()
    assert peer.hear() == []
    peer.flow(0, 0, seen=5, drain=True)
    assert [fields[4:9] for _, fields, _ in peer.hear()] == [[0, 5, 0, 0, True]], (
        "there was none to be used up"
    )
    peer.nodes.well.messages = [text(1)]
    peer.flow(0, 2, seen=5, echo=True)
    flow, transfer = peer.hear()
    assert flow[1][4:9] == [0, 5, 2, 0, False] and transfer[0] == "transfer"


def test_a_reader_that_wants_to_settle_is_waited_for_and_its_word_is_told(peer):
    peer.nodes.well.messages = [text(number) for number in range(3)]
    peer.nodes.well.asks = True
    peer.reading(credit=3)
    assert [fields[4] for _, fields, _ in peer.hear()] == [False] * 3
    peer.say(0, performatives.DispositionFrame, role=True, first=0, last=1, settled=True, state=Accepted())
    assert peer.nodes.well.outcomes == [(0, "accepted"), (1, "accepted")]
    peer.say(0, performatives.DispositionFrame, role=True, first=0, last=0xFFFFFFFF, settled=True)
    assert peer.nodes.well.outcomes[2:] == [(2, None)]


def test_what_waits_for_a_readers_word_is_bounded(peer):
    peer.nodes.well.messages = [text(0)] * (MAX_UNSETTLED + 500)
    peer.nodes.well.asks = True
    peer.reading()
    peer.flow(0, MAX_UNSETTLED + 500, window=100000)
    assert len(peer.hear()) == MAX_UNSETTLED


def test_what_a_source_need_not_know_is_settled_as_it_is_sent(peer):
    """azure-eventhub wishes for unsettled events, and never says a word on them."""
    peer.nodes.well.messages = [text(number) for number in range(MAX_UNSETTLED + 1)]
    peer.reading(send_settle_mode=0)
    peer.flow(0, MAX_UNSETTLED + 1, window=100000)
    assert len(peer.hear()) == MAX_UNSETTLED + 1


def test_a_reader_may_do_without_a_word(peer):
    peer.nodes.well.asks = True
    peer.nodes.well.messages = [text(0)]
    peer.reading(credit=1, send_settle_mode=1)
    assert peer.hear()[0][1][4] is True


# --- sending


def test_a_message_is_settled_when_the_node_has_it(peer):
    peer.sending()
    peer.transfer(whole("m1", b"body", {"a": "1"}))
    assert peer.hear_one("disposition")[:4] == [True, 0, 0, True]
    (payload,) = peer.nodes.drain.taken
    message = read_message(payload)
    assert (message.properties["message_id"], message.data) == ("m1", b"body")
    assert message.application in ({"a": "1"}, {b"a": "1"})


def test_a_message_comes_in_pieces_and_may_be_given_up(peer):
    peer.sending()
    message = whole("m1", b"x" * 1000)
    peer.transfer(message[:300], more=True)
    peer.transfer(message[300:900], number=None, more=True)
    assert peer.hear() == [] and peer.nodes.drain.taken == []
    peer.transfer(message[900:], number=None)
    assert peer.nodes.drain.taken == [message]
    peer.transfer(message[:300], number=1, more=True)
    peer.transfer(b"", number=None, aborted=True)
    assert peer.nodes.drain.taken == [message] and peer.connection._held == 0


def test_a_refused_message_is_rejected_by_name_and_the_link_goes_on(peer):
    peer.sending()
    peer.nodes.drain.refuse = Refused("amqp:resource-limit-exceeded", "50 wait already")
    peer.transfer(whole("m1", b""))
    state = peer.hear_one("disposition")[4]
    assert state["rejected"][0][0] == b"amqp:resource-limit-exceeded"
    assert peer.nodes.refusals == [("drain", "amqp:resource-limit-exceeded")]
    peer.nodes.drain.refuse = None
    peer.transfer(whole("m2", b""), number=1)
    assert len(peer.nodes.drain.taken) == 1


def test_a_sender_hears_of_new_credit_before_it_runs_out(peer):
    peer.sending()
    for number in range(3 * CREDIT):
        peer.transfer(b"", number=number, settled=True)
    flows = [fields for name, fields, _ in peer.hear() if name == "flow"]
    assert len(flows) == 6 and all(fields[6] == CREDIT for fields in flows)
    assert len(peer.nodes.drain.taken) == 3 * CREDIT


def test_a_sender_that_floods_past_its_credit_loses_its_link(peer):
    peer.sending()
    peer.connection.sessions[0].links[0].credit = 0
    peer.transfer(b"")
    assert condition(peer.hear_one("detach")) == "amqp:link:transfer-limit-exceeded"
    peer.transfer(b"", number=1)
    peer.say(0, performatives.DetachFrame, handle=0, closed=True)
    assert peer.hear() == []
    peer.attach(0, "drain", False)
    assert names(peer.hear()) == ["attach", "flow"]


def test_a_message_without_end_loses_its_link_and_its_bytes_are_dropped(peer):
    peer.sending(max_frame_size=65536)
    for number in range(MAX_MESSAGE // 60000 + 1):
        peer.transfer(bytes(60000), number=None if number else 0, more=True)
    assert condition(peer.hear_one("detach")) == "amqp:link:message-size-exceeded"
    assert peer.connection._held == 0


def test_many_messages_without_end_lose_their_connection(peer):
    peer.begun()
    for handle in range(20):
        peer.attach(handle, "drain", False)
        peer.hear()
        peer.transfer(bytes(60000), number=handle, handle=handle, more=True)
    assert condition(peer.hear()[-1][1]) == "amqp:resource-limit-exceeded"
    assert peer.connection.state == "closed"


# --- what is refused, and how much ends with it


def test_a_link_to_what_there_is_not_is_attached_and_ended_with_the_reason(peer):
    peer.begun()
    peer.attach(0, "nowhere", True)
    attach, detach = peer.hear()
    assert attach[1][5] and attach[1][6] and len(attach[1]) == 14
    assert condition(detach[1]) == "amqp:not-found"
    assert peer.nodes.refusals == [("nowhere", "amqp:not-found")]
    assert peer.nodes.left == []


def test_however_long_a_reason_is_it_fits_into_the_smallest_frame(peer):
    peer.begun(max_frame_size=512)
    reason = Refused("amqp:link:transfer-limit-exceeded", "ü" * 5000)
    peer.attach(0, "well", True)
    peer.hear()
    peer.connection.sessions[0].links[0].detach(reason)
    frame = peer.connection.take()
    assert len(frame) <= 512 and "ü" * 180 in frame.decode("utf-8", "replace")


def test_a_link_without_a_place_is_refused(peer):
    peer.begun()
    peer.say(
        0, performatives.AttachFrame, name="x", handle=0, role=True, source=None, target=Target(address="a")
    )
    assert condition(peer.hear()[-1][1]) == "amqp:not-implemented"
    peer.attach(1, "well", True, source=Source(address=None, dynamic=True))
    assert condition(peer.hear()[-1][1]) == "amqp:not-implemented"


@pytest.mark.parametrize(
    "breach, expected",
    [
        (lambda peer: peer.transfer(b"", handle=9), "amqp:session:unattached-handle"),
        (lambda peer: peer.flow(9, 1), "amqp:session:unattached-handle"),
        (lambda peer: peer.attach(0, "well", True), "amqp:session:handle-in-use"),
        (lambda peer: peer.attach(HANDLE_MAX + 1, "well", True), "amqp:resource-limit-exceeded"),
        (lambda peer: peer.transfer(b"", number=None), "amqp:session:errant-link"),
    ],
)
def test_a_breach_of_a_session_ends_the_session_and_no_other(peer, breach, expected):
    peer.reading()
    peer.begin(channel=1)
    peer.hear()
    breach(peer)
    assert condition(peer.hear_one("end")) == expected
    peer.transfer(b"", handle=9)  # what was under way is dropped
    peer.say(0, performatives.EndFrame)
    assert peer.hear() == []
    peer.attach(0, "well", True, channel=1)
    assert names(peer.hear()) == ["attach"]
    peer.begin(channel=0)
    assert names(peer.hear()) == ["begin"]


def test_a_sender_past_the_window_of_its_session_loses_it(peer):
    peer.sending()
    peer.connection.sessions[0]._left_in = 0
    peer.transfer(b"")
    assert condition(peer.hear_one("end")) == "amqp:session:window-violation"
    assert peer.nodes.refusals == [("", "amqp:session:window-violation")]


def test_the_window_is_opened_again_in_time(peer):
    peer.sending()
    for number in range(3 * WINDOW):
        peer.transfer(b"", number=number, settled=True)
        peer.hear_raw()
    assert len(peer.nodes.drain.taken) == 3 * WINDOW


@pytest.mark.parametrize(
    "breach, expected",
    [
        (lambda peer: peer.begin(channel=0), "amqp:not-allowed"),
        (lambda peer: peer.begin(channel=64), "amqp:resource-limit-exceeded"),
        (lambda peer: peer.say(0, performatives.OpenFrame, container_id="me"), "amqp:illegal-state"),
        (lambda peer: peer.say_raw(b"\x00\x02\x00\x00\x02\x00\x00\x00"), "amqp:connection:framing-error"),
        (lambda peer: peer.say_raw(b"\x00\x00\x00\x07\x02\x00\x00\x00"), "amqp:connection:framing-error"),
        (lambda peer: peer.say_raw(b"\x00\x00\x00\x09\x02\x01\x00\x00\x40"), "amqp:connection:framing-error"),
        (lambda peer: peer.say_raw(b"\x00\x00\x00\x09\x02\x00\x00\x00\x40"), "amqp:decode-error"),
        (lambda peer: peer.say_raw(b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x17\x40"), "amqp:decode-error"),
        (
            lambda peer: peer.say_raw(b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x16\x45"),
            "amqp:invalid-field",
        ),
    ],
)
def test_a_breach_of_the_connection_ends_it(peer, breach, expected):
    peer.reading()
    breach(peer)
    assert condition(peer.hear()[-1][1]) == expected
    assert peer.connection.state == "closed" and peer.nodes.links == []


def test_azure_eventhub_detaches_after_it_has_ended_its_session(peer):
    peer.reading()
    peer.say(0, performatives.EndFrame)
    assert peer.hear_one("end")[0] is None
    peer.say(0, performatives.DetachFrame, handle=0, closed=True)
    assert peer.hear() == [] and peer.connection.state == "opened"


def test_before_it_has_opened_a_client_may_say_little(peer):
    peer.say_raw(AMQP)
    peer.hear()
    peer.say_raw(b"\x00\x00\x20\x00\x02\x00\x00\x00")
    assert condition(peer.hear()[-1][1]) == "amqp:connection:framing-error"


def test_a_peer_that_does_not_read_is_made_ready_no_more_than_a_fill():
    nodes = Nodes()
    nodes.well.messages = [bytes(50000)] * 1000
    peer = Peer(nodes).reading(credit=1000)
    assert len(peer.hear_raw()) < 350_000
    assert len(nodes.well.messages) > 990
