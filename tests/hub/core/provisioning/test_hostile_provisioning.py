"""Nothing a device can send to the provisioning service, or show as its proof, makes it raise."""

import json

from harness import Stage, Wire, enrol, read_certificate, token
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.core import Certificate, ConnectRefused, Hello, Provisioning, open_registration
from twinkle_host.hub.core.access.tokens import TokenRefused, check_token, covers, parse_token
from twinkle_host.hub.core.provisioning.proofs import Proof, authenticate

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
scraps = st.text(max_size=6) | st.sampled_from(
    ["own", "many", "²", "%ff", "é", "\ud800", "=", "&", "/", "9" * 5000]
)


class Service:
    """A provisioning service with an enrolment of each kind, and one that is no more."""

    def __init__(self):
        self.stage = Stage()
        hub = self.stage.hub
        hub.authorities.add("factory", "PEM")
        self.service = Provisioning(
            hub, self.stage.clock, self.stage.store, lambda size: b"r" * size, read_certificate
        )
        enrolments = self.service.enrolments
        self.key = enrol(enrolments, "own")[0]
        enrol(enrolments, "many", group=True)
        enrol(enrolments, "certified", certificate="AB" * 32)
        enrol(enrolments, "issued", group=True, authority="factory")
        enrol(enrolments, "off", provisioningStatus="disabled")

    def connect(self):
        scope = self.service.scope
        password = token(
            f"{scope}/registrations/own", self.key, int(self.stage.clock.utc()) + 60, "registration"
        )
        wire = Wire()
        hello = Hello("own", f"{scope}/registrations/own/api-version=2019-03-31", password)
        session = open_registration(self.service, hello, wire)
        session.subscribe([("$dps/registrations/res/#", 1)])
        return session, wire


topics = st.one_of(
    st.builds("$dps/registrations/PUT/iotdps-register/?$rid={}{}".format, scraps, scraps),
    st.builds(
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={}&operationId={}".format, scraps, scraps
    ),
    st.just("$dps/registrations/PUT/iotdps-register/?$rid=" + "x" * 65_000),
    scraps,
)
bodies = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [b'{"registrationId":"own"}', b"[]", b"[" * 2000, b'{"registrationId":{}}', b'"\\ud800"', b"1e999"]
    ),
)


@given(st.lists(st.tuples(topics, bodies, st.integers(0, 2)), max_size=8))
def test_no_request_makes_the_service_raise(requests):
    service = Service()
    session, wire = service.connect()
    for topic, body, qos in requests:
        before = len(wire.sent)
        session.publish(topic, body, qos)
        service.stage.clock.seconds += 2
        for answer, payload, _ in wire.sent[before:]:
            assert len(answer.encode("utf-8", "replace")) < 65536
            operation = json.loads(payload).get("operationId")
            if operation:
                session.publish(
                    f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}",
                    b"",
                    1,
                )
                assert json.loads(wire.sent[-1][1])["status"] == "assigned"
        if wire.closed:
            session, wire = service.connect()


@given(
    scraps | st.just("own"),
    st.none() | st.builds("{}/registrations/{}/api-version=2019-03-31{}".format, scraps, scraps, scraps),
    st.none() | scraps | st.builds("SharedAccessSignature sr={}&sig={}&se={}".format, scraps, scraps, scraps),
)
def test_no_connect_makes_the_service_raise(client_id, username, password):
    try:
        open_registration(Service().service, Hello(client_id, username, password), Wire())
    except ConnectRefused as refused:
        assert refused.code in (2, 4, 5)


# What a certificate can say of itself, once it is parsed: any text as its name, and none.
certificates = st.builds(
    Certificate,
    st.lists(st.text("0aB", max_size=3) | st.just("ab" * 32), min_size=1, max_size=2).map(tuple),
    st.none() | scraps | st.just("certified"),
    st.lists(st.sampled_from(["factory", "nobody", ""]), max_size=2).map(tuple),
)


@given(scraps | st.just("certified"), certificates)
def test_no_certificate_makes_the_service_raise_and_only_a_known_one_opens(registration_id, certificate):
    try:
        enrolments = Service().service.enrolments
        _, enrolment, _ = authenticate(enrolments, Proof(registration_id, None, certificate), 0)
    except TokenRefused:
        return
    assert certificate.common_name == registration_id
    assert "ab" * 32 in certificate.thumbprints or "factory" in certificate.authorities
    assert enrolment.get("registrationId", enrolment.get("enrollmentGroupId")) in ("certified", "issued")


pairs = st.lists(
    st.tuples(st.sampled_from(["sr", "sig", "se", "skn", ""]) | scraps, scraps | st.just("1")), max_size=6
)


@given(pairs.map(lambda found: "&".join(f"{name}={value}" for name, value in found)), scraps)
def test_no_token_makes_the_hub_raise_and_none_that_is_made_up_opens(fields, path):
    for text in (
        fields,
        "SharedAccessSignature " + fields,
        "SharedAccessSignature sr=h&sig=AAAA&se=9&" + fields,
    ):
        try:
            found = parse_token(text)
            covers(found.resource, ("h",), "devices", path)
            check_token(found, [KEY], 0, "device 'x'")
        except TokenRefused as refused:
            assert refused.kind in ("malformed", "key", "expired")
        else:
            raise AssertionError(text)
