"""Credentials are checked here, before a device is given them; what is secret stays unsaid."""

import base64
import json

import pytest
from authority import Authority, in_der, turn_to_der

from twinkle_host.device_certificate import make_certificate, read_certificate, thumbprint_of
from twinkle_host.device_directory import prepare
from twinkle_host.failure import Failure
from twinkle_host.flash import image
from twinkle_host.paths import BOARDS
from twinkle_host.provision.credentials import azure_authorities, check

KEY = base64.b64encode(bytes(range(32))).decode()
OWN = f"HostName=contoso.azure-devices.net;DeviceId=shed-7;SharedAccessKey={KEY}"

OWN_CERTIFIED = "HostName=contoso.azure-devices.net;DeviceId=shed-7;x509=true"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("HostName=a.azure-devices.net", "has no DeviceId"),
        (f"IdScope=0ne1;SharedAccessKey={KEY}", "has no RegistrationId"),
        ("HostName=a.azure-devices.net;DeviceId=d", "missing or too short"),
        ("HostName=a.azure-devices.net;DeviceId=d;SharedAccessKey=not/base64!", "not base64"),
        (OWN[:-1], "not base64"),
        (OWN[:-28], "missing or too short"),
        (f"HostName=a;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY};DeviceId=x", "of a service"),
        ("HostName=a.azure-devices.net;DeviceId=d;x509=true", "--x509"),
        (f"HostName=hub.example;DeviceId=d;SharedAccessKey={KEY}", "--ca-file"),
    ],
)
def test_what_is_wrong_is_named_and_its_value_is_not(text, words, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(Failure) as refused:
        check(text)
    assert words in str(refused.value) and KEY[:10] not in str(refused.value)


def test_wifi_is_what_a_network_can_be():
    for ssid, password in (
        ("", ""),
        ("x" * 33, ""),
        ("home", "short"),
        ("home", "x" * 64),
        ("home", "0" * 65),
        ("home", "ü" * 32),
        ("ü" * 17, ""),
    ):
        with pytest.raises(Failure) as refused:
            check(OWN, None, None, ssid, password)
        assert "Wi-Fi" in str(refused.value) and "short" not in str(refused.value)
    files = check(OWN, None, None, "home", "long enough").files()
    assert json.loads(files["credentials.json"][0])["wifi"] == {"ssid": "home", "password": "long enough"}
    assert files["credentials.json"][1] == 0o600


GRIN = "Küche \U0001f600"


def test_what_a_device_reads_is_utf_8_without_escapes(tmp_path):
    # An escaped pair is two characters on MicroPython, and none of them is one.
    given = check(OWN, None, None, GRIN, "Schlüssel \U0001f511").files()["credentials.json"][0]
    prepare(tmp_path, {"description": GRIN}, {"wifi": {"ssid": GRIN}}, b"")
    there = [(tmp_path / name).read_bytes() for name in ("board.json", "credentials.json")]
    board = json.loads((BOARDS / "pico_w.json").read_text()) | {"description": GRIN}
    for content in (given, *there, image.build(board)["board.json"]):
        assert GRIN.encode() in content and b"\\u" not in content


@pytest.mark.parametrize("place", range(3))
def test_an_argument_that_is_no_utf_8_is_refused_before_anything_is_written(place):
    given = [OWN, "home", "long enough"]
    given[place] += b"\xfc".decode(errors="surrogateescape")
    with pytest.raises(Failure, match="not UTF-8"):
        check(given[0], None, None, *given[1:])


def test_a_certificate_may_have_any_text_around_it(tmp_path):
    make_certificate(tmp_path / "one", "shed-7")
    file = tmp_path / "one" / "device.pem"
    pem = file.read_bytes()
    for around in (b"\xef\xbb\xbf", "# Müller\n".encode("latin-1"), "# Müller\n".encode()):
        file.write_bytes(around + pem + around)
        assert read_certificate(file).encode() == pem
        assert thumbprint_of(file).isalnum()
        files = check(OWN_CERTIFIED, file, tmp_path / "one").files()
        assert files["device.pem"][0] == files["ca.pem"][0] == around + pem + around


def test_for_azure_two_authorities_are_enough():
    pem = azure_authorities()
    assert pem.count(b"BEGIN CERTIFICATE") == 2 and pem.count(b"END CERTIFICATE") == 2
    from cryptography import x509

    names = [found.subject.rfc4514_string() for found in x509.load_pem_x509_certificates(pem)]
    assert any("DigiCert Global Root G2" in name for name in names)
    assert check(OWN).authorities == pem


def test_a_certificate_must_fit_its_key(tmp_path):
    text = "HostName=contoso.azure-devices.net;DeviceId=shed-7;x509=true"
    make_certificate(tmp_path / "one", "shed-7")
    make_certificate(tmp_path / "two", "shed-7")
    files = check(text, None, tmp_path / "one").files()
    assert files["device.key"][1] == 0o600 and files["device.pem"][0].startswith(b"-----BEGIN")
    (tmp_path / "one" / "device.key").write_bytes((tmp_path / "two" / "device.key").read_bytes())
    with pytest.raises(Failure, match="is not the key of"):
        check(text, None, tmp_path / "one")
    with pytest.raises(Failure, match="goes with a connection string that says x509=true"):
        check(OWN, None, tmp_path / "two")


def test_nothing_of_it_shows_in_a_traceback():
    credentials = check(OWN, None, None, "home", "long enough")
    assert KEY not in repr(credentials) and "long enough" not in repr(credentials)
    assert credentials.device == "shed-7" and credentials.host == "contoso.azure-devices.net"


def test_files_may_hold_pem_or_der_and_go_to_the_device_as_they_are(tmp_path):
    roots = Authority("one").pem.encode() + Authority("another").pem.encode()
    folder = Authority("between", Authority("root")).issue(tmp_path / "own", "shed-7")
    file = tmp_path / "authorities"
    text = "HostName=hub.example;DeviceId=shed-7;x509=true"
    for turned in (False, True):
        file.write_bytes(in_der(roots) if turned else b"\xef\xbb\xbf" + roots)
        if turned:
            turn_to_der(folder)
        files = check(text, file, folder).files()
        assert files["ca.pem"][0] == file.read_bytes()
        assert [files[name][0] for name in ("device.pem", "device.key")] == [
            (folder / name).read_bytes() for name in ("device.pem", "device.key")
        ]
    for damaged in (in_der(roots)[:-1], in_der(roots) + b"\n", b"0", b""):
        file.write_bytes(damaged)
        with pytest.raises(Failure, match="holds no certificates, PEM or DER, or one that is damaged"):
            check(text, file, folder)


def test_a_device_on_this_computer_gets_them_as_they_are_too(tmp_path):
    folder = Authority().issue(tmp_path / "own", "shed-7")
    turn_to_der(folder)
    file = tmp_path / "authorities"
    file.write_bytes(in_der(Authority().pem.encode()))
    prepare(tmp_path / "state", {}, {}, file.read_bytes(), folder)
    for name in ("device.pem", "device.key"):
        assert (tmp_path / "state" / name).read_bytes() == (folder / name).read_bytes()
    assert (tmp_path / "state" / "ca.pem").read_bytes() == file.read_bytes()
