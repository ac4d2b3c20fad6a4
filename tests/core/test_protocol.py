"""Topics, property bags, tokens and time stamps, against published vectors."""

from driver import CONNECTION, KEY

from apps.instant import parse_iso
from twinkle.core import topics
from twinkle.core.clock import iso
from twinkle.core.connection_string import parse
from twinkle.core.errors import SetupError


def test_the_token_equals_the_sdks():
    assert parse(CONNECTION).password(1700000000) == (
        "SharedAccessSignature sr=contoso.azure-devices.net%2Fdevices%2FMyDevice01"
        "&sig=7P6y9zXmNpUD7mSMphRr66XEKU%2FJT0MA9kYxAim5Qxc%3D&se=1700000000"
    )


def test_a_key_longer_than_a_block_is_hashed_first():
    import binascii

    key = binascii.b2a_base64(bytes(range(100))).decode().strip()
    token = parse("HostName=h;DeviceId=d;SharedAccessKey=" + key).password(1)
    # Computed with CPython's hmac module.
    assert "sig=AZ65D1E8G2o6cCpkI5jaVMQ2J7l9rIl3TS0%2B%2Br19tdE%3D&" in token, token


def test_the_user_name_announces_the_api_version_and_the_model():
    who = parse(CONNECTION)
    assert who.username() == "contoso.azure-devices.net/MyDevice01/?api-version=2021-04-12"
    assert who.username("dtmi:com:example:Thermostat;1").endswith(
        "&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1"
    )


def test_a_gateway_is_dialled_but_not_signed():
    who = parse(CONNECTION + ";GatewayHostName=192.168.1.5;Port=9883")
    assert (who.dial, who.port, who.host) == ("192.168.1.5", 9883, "contoso.azure-devices.net")


def test_an_identity_never_shows_its_key():
    who = parse(CONNECTION)
    assert KEY not in repr(who) and KEY not in str(who)


def test_a_device_with_a_certificate_needs_no_key_and_signs_nothing():
    who = parse("HostName=h;DeviceId=d;x509=true")
    assert who.certified and who.password(1700000000) == ""
    registration = parse("IdScope=0ne1;RegistrationId=r;x509=True")
    assert registration.certified and registration.password(1) == ""
    assert registration.identity("h", "d").certified
    assert not parse(CONNECTION).certified


def test_a_broken_connection_string_names_the_part():
    for text, part in (
        ("", "HostName"),
        ("HostName=h", "DeviceId"),
        ("HostName=h;DeviceId=d", "SharedAccessKey"),
        ("HostName=h;DeviceId=d;x509=false", "SharedAccessKey"),
        ("HostName=h;DeviceId=d;SharedAccessKey=*", "SharedAccessKey"),
        ("HostName=h;DeviceId=d;SharedAccessKey=AAAA;Port=x", "Port"),
        ("HostName=h;DeviceId=d;SharedAccessKey=AAAA;Port=\xb2", "Port"),
        ("HostName=h;DeviceId=d;SharedAccessKey=AAAA;Port=65536", "Port"),
        ("HostName=h..i;DeviceId=d;SharedAccessKey=AAAA", "HostName"),
        ("HostName=h;DeviceId=d;SharedAccessKey=AAAA;GatewayHostName=" + "x" * 64, "GatewayHostName"),
        ("HostName=h;DeviceId=" + "d" * 129 + ";SharedAccessKey=AAAA", "DeviceId"),
        ("HostName=h;DeviceId=\xe9;SharedAccessKey=AAAA", "DeviceId"),
        ("IdScope=\xe9;RegistrationId=d;SharedAccessKey=AAAA", "IdScope"),
    ):
        try:
            parse(text)
        except SetupError as error:
            assert part in str(error)
        else:
            raise AssertionError(text)


def test_quoting_goes_there_and_back():
    for text in ("", "plain", "a b+c&d=e/f?g#h%i", "Grüße €", "~-_.", "100%"):
        assert topics.unquote(topics.quote(text)) == text
    assert topics.quote("a b/$") == "a%20b%2F%24"


def test_a_stray_percent_sign_stays():
    assert topics.unquote("50%") == "50%"
    assert topics.unquote("%zz%4") == "%zz%4"


def test_a_bag_keeps_null_and_empty_apart():
    assert topics.parse_bag("a=1&b=&c&%24.ct=x%2Fy") == {"a": "1", "b": "", "c": None, "$.ct": "x/y"}


def test_topics_are_told_apart():
    assert topics.classify("$iothub/twin/res/200/?$rid=5&$version=7") == ("twin", 200, "5", 7)
    assert topics.classify("$iothub/twin/res/204/?$rid=5") == ("twin", 204, "5", None)
    assert topics.classify("$iothub/twin/PATCH/properties/desired/?$version=9") == ("desired", 9)
    assert topics.classify("$iothub/methods/POST/thermostat1*get/?$rid=a1") == (
        "method",
        "thermostat1*get",
        "a1",
    )
    for topic in (
        "",
        "devices/x/messages/events/",
        "$iothub",
        "$iothub/twin/res/x/?$rid=1",
        "$iothub/twin/GET",
    ):
        assert topics.classify(topic) is None, topic


def test_seconds_become_iso_time():
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(951782399) == "2000-02-28T23:59:59Z"
    assert iso(951782400) == "2000-02-29T00:00:00Z"
    assert iso(1709251199) == "2024-02-29T23:59:59Z"
    assert iso(1795225383) == "2026-11-21T01:43:03Z"
    assert iso(4102444800) == "2100-01-01T00:00:00Z"


def test_iso_time_becomes_seconds():
    for seconds in (0, 951782399, 951782400, 1709251199, 1795225383, 4102444800):
        assert parse_iso(iso(seconds)) == seconds
    assert parse_iso("2020-10-21T14:08:42.500Z") == 1603289322
    assert parse_iso("2020-10-21T16:08:42.0000000+02:00") == 1603289322
    for text in (
        None,
        5,
        "",
        "yesterday",
        "2020-10-21",
        "2020-13-21T14:08:42Z",
        "2020-10-21T14:08:42",
        "x" * 30,
    ):
        try:
            parse_iso(text)
        except ValueError:
            continue
        raise AssertionError(text)
