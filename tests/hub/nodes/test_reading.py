"""Readers: tokens, where they begin, owner levels, and what the hub says of its partitions."""

import math
import uuid

import pytest
from client import HUB
from harness import HOST

from twinkle_host.hub.amqp import read_message
from twinkle_host.hub.events.log import partition_of
from twinkle_host.hub.nodes.answers import MAX_ANSWERS

PART = partition_of("dev1")


def sent(desk, count):
    """So many messages of a device, and no other events in its partition."""
    if "dev1" not in desk.hub.devices:
        desk.device("dev1").connect()
    session = desk.hub.devices.find("dev1").session
    for number in range(count):
        session.publish("devices/dev1/messages/events/", b"%d" % number, 1)
    desk.pump()
    return desk.log.partitions[PART].next - count


# --- tokens


def test_a_token_opens_what_it_is_for(desk):
    client = desk.client().entered()
    first = sent(desk, 2)
    client.read(PART, start=f"sequence-number >= '{first}'")
    assert client.got() == [(first, b"0"), (first + 1, b"1")]


@pytest.mark.parametrize(
    "changes, status, words",
    [
        (
            {"key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
            401,
            "neither the primary nor the secondary",
        ),
        ({"life": -1}, 401, "expired"),
        ({"resource": "sb://elsewhere/hub"}, 401, "The token is for"),
        ({"kind": "jwt"}, 400, "SAS tokens are"),
        (
            {"name": f"sb://{HOST}/other"},
            404,
            f"The messaging entity 'sb://{HOST}/other' could not be found; EntityPath is {HUB!r} here",
        ),
    ],
)
def test_a_token_that_is_none_is_answered_by_its_status(desk, changes, status, words):
    client = desk.client().begun()
    answer = client.put(**changes)
    assert answer[0] == status and words in answer[1]
    client.read(PART)
    assert client.detached() == ["amqp:unauthorized-access"]


@pytest.mark.parametrize(
    "token",
    [
        {"policy": "registryReadWrite"},
        {"policy": "device"},
        {"resource": f"sb://{HOST}/{HUB}/consumergroups/second"},
        {"resource": f"sb://{HOST}/other"},
    ],
)
def test_a_token_of_another_policy_or_for_another_place_opens_nothing_here(desk, token):
    client = desk.client().entered(**token)
    client.read(PART)
    assert client.detached() == ["amqp:unauthorized-access"]


def test_without_a_token_nothing_is_open(desk):
    client = desk.client().begun()
    client.read(PART)
    assert client.detached() == ["amqp:unauthorized-access"]


@pytest.mark.parametrize(
    "resource", [HOST, f"https://{HOST}", f"amqps://{HOST}:5671/", f"sb://{HOST.upper()}:1234/{HUB.upper()}"]
)
def test_a_token_for_the_whole_hub_opens_all_of_it(desk, resource):
    client = desk.client().entered(resource=resource)
    client.read(PART, start="offset > '@latest'")
    assert client.detached() == []


@pytest.mark.parametrize(
    "name",
    [
        HOST,
        f"https://{HOST}",
        f"amqps://{HOST}:5671/",
        f"sb://{HOST}:1234/{HUB.upper()}/$management",
        f"{HOST}/messages/events",
        f"sb://{HOST}/{HUB}/ConsumerGroups/$Default/Partitions/0",
    ],
)
def test_a_token_is_taken_for_every_place_that_there_is(desk, name):
    assert desk.client().begun().put(name=name) == (200, "OK")


def test_a_token_that_ends_closes_what_it_opened_and_a_renewed_one_does_not(desk):
    one, two = desk.client().entered(life=100), desk.client().entered(life=100)
    for client in (one, two):
        client.read(PART, start="offset > '@latest'")
        client.hear()
    desk.run(90)
    assert two.put(life=3600) == (200, "OK")
    desk.run(11)
    assert one.detached() == ["amqp:unauthorized-access"] and two.detached() == []
    assert one.container.expire() is None
    sent(desk, 1)
    assert [body for _, body in two.got()][-1] == b"0"


def test_sasl_plain_is_a_token_as_well(desk):
    client = desk.client()
    header = desk.service_header()
    assert client.container.plain("service@sas.root.hub", header)
    assert not client.container.plain("service@sas.root.hub", header[:-10])
    client.begun()
    client.read(PART)
    assert client.detached() == []


def test_sasl_plain_is_a_policy_and_its_key_as_event_hubs_has_it(desk):
    """amqpnetlite, rhea and proton connect so: amqps://POLICY:KEY@HOST."""
    policy = desk.hub.access.policies["service"]
    client = desk.client()
    assert client.container.plain("service", policy.keys[1])
    client.begun()
    client.read(PART)
    assert client.detached() == []
    desk.run(10 * 365 * 86400)
    assert client.detached() == [] and client.container.expire() == math.inf
    for name, key in [
        ("service", ""),
        ("nobody", policy.keys[0]),
        ("service", policy.keys[0][:-1]),
        ("", ""),
    ]:
        other = desk.client()
        assert not other.container.plain(name, key)
        other.begun()
        other.read(PART)
        assert other.detached() == ["amqp:unauthorized-access"]
        assert "neither a policy of this hub" in other.refusals[0] and not (key and key in other.refusals[0])
    weak = desk.client()
    assert weak.container.plain("registryRead", desk.hub.access.policies["registryRead"].keys[0])
    weak.begun()
    weak.read(PART)
    assert weak.detached() == ["amqp:unauthorized-access"]


# --- what is in the hub's log


def test_whatever_a_client_is_refused_is_told_to_the_hub_as_well(desk):
    """Azure's readers try again in silence, for minutes; a person then looks at the hub."""
    client = desk.client().begun()
    assert not client.container.plain("service@sas.root.hub", "no token")
    client.put(life=-1)
    client.put()
    client.ask("$management", {"operation": "READ", "type": "com.microsoft:eventhub", "name": "other"})
    client.read(PART, group="nobody")
    client.read(PART, level=1)
    client.read(PART, level=2)
    client.read(PART, address="new\nline")
    place = f"'amqps://{HOST}/{HUB}/ConsumerGroups/$Default/Partitions/{PART}'"
    expected = [
        "SASL PLAIN for 'service@sas.root.hub': name and password are neither",
        "'$cbs': 401 The token expired",
        "'$management': 404 There is no event hub 'other'",
        f"{place.replace('$Default', 'nobody')}: amqp:not-found: There is no consumer group 'nobody'",
        f"{place}: amqp:link:stolen: A reader with owner level 2 has taken",
        f"'new\\nline': amqp:unauthorized-access: The tokens put to $cbs are for '{HUB}' (sr), which this is no part",
    ]
    assert len(client.refusals) == len(expected)
    for text, begins in zip(client.refusals, expected, strict=True):
        assert text.startswith(begins)


# --- answers


@pytest.mark.parametrize("message_id", [uuid.UUID(int=5), "text", b"bytes"])
def test_an_answer_has_the_requests_id_in_its_type(desk, message_id):
    client = desk.client().entered()
    asked = {"operation": "READ", "type": "com.microsoft:eventhub", "name": HUB}
    status, _, message = client.ask("$management", asked, message_id=message_id, reply_to="mine")
    assert status == 200
    given = message.properties["correlation_id"]
    assert given == message_id and type(given) is type(message_id)


def test_answers_that_nobody_reads_are_bounded(desk):
    client = desk.client().begun()
    client.attach(0, "$cbs", True)
    client.attach(1, "$cbs", False)
    client.hear()
    states = []
    for number in range(MAX_ANSWERS + 5):
        client.transfer(b"", number=number, handle=1)
        states += [fields[4] for name, fields, _ in client.hear() if name == "disposition"]
    assert len(states) == MAX_ANSWERS + 5
    assert [next(iter(state)) for state in states[-6:]] == ["accepted"] + ["rejected"] * 5


def test_a_question_without_a_way_back_is_rejected(desk):
    client = desk.client().begun()
    client.attach(0, "$cbs", False)
    client.hear()
    client.transfer(b"", handle=0)
    assert "rejected" in client.hear_one("disposition")[4]


# --- facts


def test_facts_of_the_hub_and_of_a_partition(desk):
    sent(desk, 3)
    client = desk.client().entered()
    asked = {"operation": "READ", "type": "com.microsoft:eventhub", "name": HUB}
    _, _, message = client.ask("$management", asked)
    assert message.value["partition_count"] == 4 and message.value["partition_ids"] == ["0", "1", "2", "3"]
    asked = {"operation": "READ", "type": "com.microsoft:partition", "name": HUB, "partition": str(PART)}
    _, _, message = client.ask("$management", asked)
    last = desk.log.partitions[PART].next - 1
    assert message.value["last_enqueued_sequence_number"] == last
    assert message.value["begin_sequence_number"] == 0 and message.value["is_partition_empty"] is False
    asked["partition"] = str((PART + 1) % 4)
    _, _, message = client.ask("$management", asked)
    assert message.value["is_partition_empty"] is True and message.value["last_enqueued_offset"] == "-1"
    facts = (message.value["begin_sequence_number"], message.value["last_enqueued_sequence_number"])
    assert facts == (0, -1)


def test_a_partition_whose_events_have_all_left_begins_with_the_last_one_as_on_azure(desk):
    """spotflow-io/in-memory-azure-test-sdk, PartitionReceiverTests, which are run against Azure, too."""
    sent(desk, 3)
    desk.run(2 * 86400)
    last = desk.log.partitions[PART].next - 1
    while desk.log.retain(desk.clock.utc() + 2 * 86400):
        pass
    client = desk.client().entered()
    asked = {"operation": "READ", "type": "com.microsoft:partition", "name": HUB, "partition": str(PART)}
    _, _, message = client.ask("$management", asked)
    assert message.value["is_partition_empty"] is True
    facts = (message.value["begin_sequence_number"], message.value["last_enqueued_sequence_number"])
    assert facts == (last, last)
    client.read(PART, start=f"sequence-number > '{last}'")
    client.read(PART, start=f"offset > '{message.value['last_enqueued_offset']}'")
    assert client.detached() == []


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"operation": "WRITE"}, 400),
        ({"type": "x"}, 400),
        ({"name": "fabrikam"}, 404),
        ({"type": "com.microsoft:partition", "partition": "9"}, 404),
        ({"type": "com.microsoft:partition", "partition": "²"}, 404),
    ],
)
def test_what_management_does_not_know_is_said(desk, changes, status):
    client = desk.client().entered()
    asked = {"operation": "READ", "type": "com.microsoft:eventhub", "name": HUB, **changes}
    assert client.ask("$management", asked)[0] == status


# --- places


@pytest.mark.parametrize(
    "start, expected",
    [
        (None, "all"),
        ("offset > '-1'", "all"),
        ("sequence-number > '-1'", "all"),
        ("offset > '@latest'", []),
        ("sequence-number > '{0}'", [1, 2]),
        ("sequence-number >= '{0}'", [0, 1, 2]),
        ("enqueued-time > '9999999999999'", []),
        ("enqueuedtimeutc > 9999999999999", []),
        ("enqueuedtimeutc > 0", "all"),
    ],
)
def test_where_a_reader_begins(desk, start, expected):
    first = sent(desk, 3)
    client = desk.client().entered()
    client.read(PART, start=start and start.format(first))
    got = [sequence for sequence, _ in client.got()]
    assert got == (list(range(first + 3)) if expected == "all" else [first + number for number in expected])


@pytest.mark.parametrize("column, name", [("offset", "offset"), ("sequence-number", "sequence number")])
def test_a_place_that_the_partition_has_not_reached_is_refused_as_on_azure(desk, column, name):
    sent(desk, 3)
    log = desk.log
    sequence, offset, _ = log.last(PART)
    last = offset if column == "offset" else sequence
    client = desk.client().entered()
    client.read(PART, start=f"{column} > '{last}'")
    client.read(PART, start=f"{column} >= '{last}'")
    client.read((PART + 1) % 4, start=f"{column} >= '0'")
    assert client.detached() == []
    client.read(PART, start=f"{column} > '{last + 1}'")
    condition, text, _ = next(fields[2] for name, fields, _ in client.hear() if name == "detach")
    assert condition == b"com.microsoft:argument-error"
    assert (
        f"supplied {name} '{last + 1}' is invalid. The last {name} in the system is '{last}'" in text.decode()
    )
    client.read((PART + 1) % 4, start=f"{column} > '336'")
    assert client.detached() == ["com.microsoft:argument-error"]


def test_a_filter_that_is_kept_to_is_in_the_answer_and_another_is_refused(desk):
    client = desk.client().entered()
    client.read(PART, start="offset > '@latest'")
    attach = next(fields for name, fields, _ in client.hear() if name == "attach")
    assert attach[5][7], attach[5]
    client.read(PART, start="colour > '5'")
    assert client.detached() == ["amqp:not-implemented"]


def test_addresses_are_taken_in_any_case_and_without_a_host(desk):
    client = desk.client().entered()
    client.read(PART, address=f"{HUB}/consumergroups/$default/PARTITIONS/{PART}", start="offset > '@latest'")
    assert client.detached() == []


@pytest.mark.parametrize(
    "address, condition",
    [
        (f"{HUB}/ConsumerGroups/nobody/Partitions/0", "amqp:not-found"),
        (f"{HUB}/ConsumerGroups/$Default/Partitions/4", "amqp:not-found"),
        (f"{HUB}/ConsumerGroups/$Default/Partitions/x", "amqp:not-found"),
        ("other/ConsumerGroups/$Default/Partitions/0", "amqp:not-found"),
        ("nowhere", "amqp:not-found"),
        ("messages/events/ConsumerGroups/$Default/Partitions/0", "amqp:link:redirect"),
    ],
)
def test_what_is_not_there_is_refused_by_name(desk, address, condition):
    client = desk.client().entered(resource=HOST)
    client.read(0, address=address)
    assert client.detached() == [condition]


@pytest.mark.parametrize("rest", ["", "/$management", "/ConsumerGroups/second/Partitions/1"])
def test_who_asks_the_hub_itself_for_events_is_told_where_they_are(desk, rest):
    """Azure's command line finds the endpoint so (azure-iot-cli-extension, hub_target_builder.py)."""
    client = desk.client().entered(resource=HOST)
    client.read(0, address=f"amqps://{HOST}/messages/events{rest}")
    _, text, info = next(fields[2] for name, fields, _ in client.hear() if name == "detach")
    endpoint = f"amqps://{HOST}:5671/{HUB}"
    assert info[b"address"].decode() == endpoint + rest
    assert (info[b"hostname"].decode(), info[b"port"]) == (HOST, 5671)
    assert text.decode() == f"Events are read from {endpoint}/ConsumerGroups/$Default/Partitions/0 and so on."


def test_events_cannot_be_sent_here(desk):
    client = desk.client().entered()
    client.attach(50, f"{HUB}/ConsumerGroups/$Default/Partitions/0", False)
    assert client.detached() == ["amqp:not-allowed"]


def test_the_last_event_is_told_to_who_wants_it(desk):
    first = sent(desk, 3)
    client = desk.client().entered()
    client.read(
        PART, start=f"sequence-number >= '{first}'", wants=[b"com.microsoft:enable-receiver-runtime-metric"]
    )
    payloads = [payload for name, _, payload in client.hear() if name == "transfer"]
    assert len(payloads) == 3 and all(b"last_enqueued_sequence_number" in payload for payload in payloads)
    assert read_message(payloads[0]).data == b"0"


def test_readers_of_a_connection_that_the_hub_ends_are_ended_first_and_nothing_is_logged_of_it(desk):
    client = desk.client().entered()
    client.read(PART)
    client.read((PART + 1) % 4)
    client.hear()
    client.container.release("The hub stops.")
    assert client.detached() == ["amqp:link:detach-forced"] * 2
    assert client.refusals == [] and desk.event_hub._readers == {}


# --- who may read


def test_a_higher_owner_level_takes_the_partition_and_a_lower_one_does_not(desk):
    low, high, late = (desk.client().entered() for _ in range(3))
    low.read(PART, level=1)
    high.read(PART, level=2)
    assert low.detached() == ["amqp:link:stolen"] and high.detached() == []
    late.read(PART, level=1)
    assert late.detached() == ["amqp:link:stolen"]
    assert f"partition {PART} of $Default" in late.refusals[-1]
    late.read(PART)
    assert late.detached() == ["amqp:link:stolen"]
    late.read(PART, group="second")
    assert late.detached() == []
    late.read(PART, level=2)
    assert high.detached() == ["amqp:link:stolen"] and late.detached() == []


def test_one_with_a_level_ends_those_without(desk):
    first, second = desk.client().entered(), desk.client().entered()
    first.read(PART)
    first.read(PART)
    second.read(PART, level=0)
    assert first.detached() == ["amqp:link:stolen"] * 2 and second.detached() == []


def test_five_readers_of_one_partition_and_group(desk):
    client = desk.client().entered()
    for _ in range(5):
        client.read(PART)
    assert client.detached() == []
    client.read(PART)
    assert client.detached() == ["amqp:resource-limit-exceeded"]
    client.connection.lost()
    assert desk.event_hub._readers == {}
