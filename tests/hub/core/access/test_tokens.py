"""Shared access signatures: the published vectors, and every way a token can be wrong."""

import pytest
from harness import HOST, token

from twinkle_host.hub.core import HubError
from twinkle_host.hub.core.access.tokens import TokenRefused, check_token, covers, parse_token

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "/////////////////////////////////////////zA="
EXPIRY = 1_700_000_000
DEVICE_TOKEN = (
    "SharedAccessSignature sr=contoso.azure-devices.net%2Fdevices%2FMyDevice01"
    "&sig=7P6y9zXmNpUD7mSMphRr66XEKU%2FJT0MA9kYxAim5Qxc%3D&se=1700000000"
)
SERVICE_TOKEN = (
    "SharedAccessSignature sr=contoso.azure-devices.net"
    "&sig=WE7ZGaH41oPJWTtP9uzj%2BHCS5xI54HpDJcMN5KRb5PI%3D&se=1700000000&skn=service"
)


@pytest.mark.parametrize("text", [DEVICE_TOKEN, SERVICE_TOKEN])
def test_the_published_vectors_verify(text):
    assert check_token(parse_token(text), [OTHER_KEY, KEY], EXPIRY - 1, "device 'x'") == KEY


def test_the_stage_signs_as_the_vectors_do():
    assert token("contoso.azure-devices.net/devices/MyDevice01", KEY, EXPIRY) == DEVICE_TOKEN
    assert token("contoso.azure-devices.net", KEY, EXPIRY, "service") == SERVICE_TOKEN


def test_the_order_of_fields_is_free_and_a_slash_in_the_signature_may_stay_bare():
    text = (
        "SharedAccessSignature se=1700000000&sig=7P6y9zXmNpUD7mSMphRr66XEKU/JT0MA9kYxAim5Qxc="
        "&sr=contoso.azure-devices.net%2Fdevices%2FMyDevice01"
    )
    check_token(parse_token(text), [KEY], EXPIRY - 1, "device 'x'")


def test_the_resource_is_verified_exactly_as_it_was_sent():
    import base64
    import hashlib
    import hmac
    from urllib.parse import quote

    sent = "contoso.azure-devices.net%2fdevices%2fMyDevice01"  # lower-case hex, as documents describe
    digest = hmac.new(base64.b64decode(KEY), f"{sent}\n{EXPIRY}".encode(), hashlib.sha256).digest()
    text = f"SharedAccessSignature sr={sent}&sig={quote(base64.b64encode(digest), safe='')}&se={EXPIRY}"
    check_token(parse_token(text), [KEY], EXPIRY - 1, "device 'x'")


def test_a_wrong_key_and_an_expired_token_are_told_apart():
    parsed = parse_token(DEVICE_TOKEN)
    with pytest.raises(TokenRefused) as wrong:
        check_token(parsed, [OTHER_KEY], EXPIRY - 1, "device 'MyDevice01'")
    assert wrong.value.kind == "key" and "neither the primary nor the secondary key" in wrong.value.reason
    with pytest.raises(TokenRefused) as late:
        check_token(parsed, [KEY], EXPIRY, "device 'MyDevice01'")
    assert late.value.kind == "expired"
    assert "2023-11-14T22:13:20Z" in late.value.reason and "clock" in late.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        KEY,
        "SharedAccessSignature ",
        "SharedAccessSignature sr=a&sig=b",
        "SharedAccessSignature sr=a&sig=AAAA&se=soon",
        "SharedAccessSignature sr=a&sig=AAAA&se=-5",
        "SharedAccessSignature sr=a&sig=AAAA&se=1" + "0" * 20,
        "SharedAccessSignature sr=a&sig=!!!&se=1",
        "SharedAccessSignature sr=a&sr=b&sig=AAAA&se=1",
        "SharedAccessSignature sr=%ff&sig=AAAA&se=1",
        "SharedAccessSignature sr=é&sig=AAAA&se=1",
        "SharedAccessSignature sr=a&sig=AAAA&se=1&x=" + "y" * 5000,
    ],
)
def test_what_is_no_token_is_malformed(text):
    with pytest.raises(TokenRefused) as refused:
        parse_token(text)
    assert refused.value.kind == "malformed"
    assert KEY not in refused.value.reason


@pytest.mark.parametrize(
    ("resource", "granted"),
    [
        (f"{HOST}/devices/Dev1", True),
        (f"{HOST.upper()}/devices/Dev1", True),
        (f"{HOST}:8883/devices/Dev1", True),
        (f"{HOST}/devices", True),
        (HOST, True),
        (f"{HOST}/devices/dev1", False),
        (f"{HOST}/devices/Dev", False),
        (f"{HOST}/devices/Dev10", False),
        (f"{HOST}/devices/Dev1/modules/m", False),
        ("other.azure-devices.net/devices/Dev1", False),
        ("", False),
    ],
)
def test_a_resource_grants_by_whole_segments(resource, granted):
    assert covers(resource, (HOST,), "devices", "Dev1") is granted


def test_no_repr_shows_a_secret(stage):
    device = stage.device()
    device.connect()
    key = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["primaryKey"]
    hello = device.hello()
    core = stage.hub.devices.find("dev1")
    policy = stage.hub.access.policies["service"]
    for thing in (hello, core, device.session, stage.hub, policy, parse_token(hello.password)):
        assert key not in repr(thing) and "sig=" not in repr(thing) and policy.keys[0] not in repr(thing)


# --- services


@pytest.mark.parametrize(
    ("policy", "able"),
    [
        ("iothubowner", {"RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"}),
        ("service", {"ServiceConnect"}),
        ("device", {"DeviceConnect"}),
        ("registryRead", {"RegistryRead"}),
        ("registryReadWrite", {"RegistryRead", "RegistryWrite"}),
    ],
)
def test_each_policy_opens_what_it_should_and_nothing_more(stage, policy, able):
    header = stage.service_header(policy)
    for permission in ("RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"):
        if permission in able:
            assert stage.hub.access.authorize(header, permission) == policy
        else:
            with pytest.raises(HubError) as refused:
                stage.hub.access.authorize(header, permission)
            assert (refused.value.status, refused.value.code) == (401, 401002)
            assert permission in refused.value.message


def test_a_service_may_sign_for_a_host_with_a_port(stage):
    assert (
        stage.hub.access.authorize(stage.service_header(host=f"{HOST}:8443"), "ServiceConnect") == "service"
    )


def test_services_are_refused_with_the_reason(stage):
    """401003 for a token of Azure AD, too: IoT Hub has it where "Principal … is not authorized" (azure-docs, iot-hub,
    "401003 IoTHubUnauthorized"; azure-iot-sdk-csharp, issue 3344). Nobody of a directory has a role here.
    """
    good = stage.service_header()
    stage.device()
    key = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["primaryKey"]
    expiry = int(stage.clock.utc()) + 60
    for header, word in [
        (None, "no Authorization header"),
        ("abc", "not a SAS token"),
        ("Bearer abc", "takes SharedAccessSignature only"),
        ("bearer abc", "takes SharedAccessSignature only"),  # a scheme has no letter case: RFC 9110, 11.1
        (good.replace("skn=service", "skn=nobody"), "no policy"),
        (good.replace("skn=service", "skn=device"), "neither the primary"),
        (stage.service_header(host="other.azure-devices.net"), "check HostName"),
        (stage.service_header(lifetime=-1), "expired"),
        (token(f"{HOST}/devices/dev1", key, expiry), "no policy"),
    ]:
        with pytest.raises(HubError) as refused:
            stage.hub.access.authorize(header, "ServiceConnect")
        assert refused.value.code == 401003 and word in refused.value.message, refused.value.message


def test_an_unknown_permission_is_a_mistake_of_the_caller(stage):
    with pytest.raises(ValueError, match="ServiceConnect"):
        stage.hub.access.authorize(stage.service_header(), "service")
