"""Authorities, certificates and keys, in every form that people have them in, on both interpreters.

MicroPython is as on a Pico W here: its ``tls`` reads no PEM.
"""

import os
import subprocess
import sys

import pytest
from authority import Authority, in_der
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support import ROOT, run_micropython

from twinkle.core.errors import SetupError
from twinkle.runtime import certificates
from twinkle_host.mock_gpio.process import RP2
from twinkle_host.waiting import PATIENCE_S

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
OPEN = serialization.NoEncryption()
LOADED = "loaded"
PROGRAM = """
import sys
from twinkle.core.errors import SetupError
from twinkle.runtime import certificates

for folder in sys.argv[1:]:
    try:
        context = certificates.load(folder, True)
        print("{loaded}", context.verify_mode == 2)
    except SetupError as error:
        print(error)
""".replace("{loaded}", LOADED)

ROOTS = [Authority(name) for name in ("first", "second", "third")]
CHAIN = Authority("between", ROOTS[0])
EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)


def der(pem):
    return in_der(pem.encode())


def private(key, encoding=PEM, form=PKCS8, encryption=OPEN):
    return key.private_bytes(encoding, form, encryption)


def wrapped(pem, width):
    """The same with lines of another width."""
    begin, *lines, end = pem.strip().splitlines()
    text = "".join(lines)
    return "\n".join([begin, *(text[at : at + width] for at in range(0, len(text), width)), end, ""])


def own(key):
    """A certificate of CHAIN for this key, and those above it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    return CHAIN._sign(name, key.public_key(), False) + CHAIN.chain


ALL = "".join(root.pem for root in ROOTS)
NOT_ONE = ROOTS[1].pem.replace("MII", "AAA", 1)
CUT = ROOTS[1].pem[:300]
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
LOCKED = serialization.BestAvailableEncryption(b"secret")

# What a file holds in the place of the good one, and what is said of it.
CASES = {
    "several authorities": ({"ca.pem": ALL}, LOADED),
    "authorities in DER, one after the other": ({"ca.pem": der(ALL)}, LOADED),
    "an authority in DER": ({"ca.pem": der(ROOTS[0].pem)}, LOADED),
    "a byte order mark and a comment": ({"ca.pem": "\ufeff" + ALL}, LOADED),
    "a comment that is not ASCII": (
        {"ca.pem": "# Müller & Söhne\n".encode("latin-1") + ALL.encode()},
        LOADED,
    ),
    "lines that end as in Windows": ({"ca.pem": ALL.replace("\n", "\r\n")}, LOADED),
    "one long line": ({"ca.pem": wrapped(ROOTS[0].pem, 10_000)}, LOADED),
    "lines of odd lengths": ({"ca.pem": wrapped(ROOTS[0].pem, 61)}, LOADED),
    "more text than there is memory": ({"ca.pem": "# comment\n" * 30_000 + ALL}, LOADED),
    "no line end at the end": ({"ca.pem": ALL.rstrip()}, LOADED),
    "a certificate and its chain in DER": ({"device.pem": der(own(EC))}, LOADED),
    "everything in DER": (
        {"ca.pem": der(ALL), "device.pem": der(own(EC)), "device.key": private(EC, DER)},
        LOADED,
    ),
    "a key as openssl ecparam writes it": (
        {"device.key": PARAMETERS + private(EC, form=TRADITIONAL)},
        LOADED,
    ),
    "an EC key in DER": ({"device.key": private(EC, DER, TRADITIONAL)}, LOADED),
    "an RSA key": ({"device.key": private(RSA), "device.pem": own(RSA)}, LOADED),
    "an RSA key in its old form": (
        {"device.key": private(RSA, form=TRADITIONAL), "device.pem": own(RSA)},
        LOADED,
    ),
    "an RSA key in DER": ({"device.key": private(RSA, DER, TRADITIONAL), "device.pem": own(RSA)}, LOADED),
    "a key among others": ({"device.key": own(EC).encode() + private(EC)}, LOADED),
    # --- what cannot be used
    "no file": ({"ca.pem": None}, "ca.pem is missing"),
    "no key": ({"device.key": None}, "device.key is missing"),
    "no certificate": ({"device.pem": None}, "device.pem is missing"),
    "an empty file": ({"ca.pem": ""}, "certificate 1 of ca.pem cannot be used (there is none)"),
    "one byte": ({"ca.pem": "0"}, "certificate 1 of ca.pem cannot be used (there is none)"),
    "nonsense": ({"ca.pem": "nonsense"}, "certificate 1 of ca.pem cannot be used (there is none)"),
    "a key in its place": ({"ca.pem": private(EC)}, "certificate 1 of ca.pem cannot be used (there is none)"),
    "UTF-16": ({"ca.pem": ALL.encode("utf-16")}, "certificate 1 of ca.pem cannot be used (there is none)"),
    "the second is none": (
        {"ca.pem": ROOTS[0].pem + NOT_ONE + ROOTS[2].pem},
        "certificate 2 of ca.pem cannot",
    ),
    "the second is no base64": (
        {"ca.pem": ROOTS[0].pem + "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"},
        "certificate 2 of ca.pem cannot be used",
    ),
    "the second has no end": (
        {"ca.pem": ROOTS[0].pem + CUT},
        "certificate 2 of ca.pem cannot be used (it is d",
    ),
    "the second in DER is cut off": ({"ca.pem": der(ALL)[:-400]}, "certificate 2 of ca.pem cannot be used"),
    "too large": (
        {"ca.pem": "-----BEGIN CERTIFICATE-----\n" + "A" * 100_000},
        "certificate 1 of ca.pem cannot be used (it is damaged)",
    ),
    "too large in DER": (
        {"ca.pem": b"0\x82\xff\xff" + bytes(70_000)},
        "certificate 1 of ca.pem cannot be used",
    ),
    "the second of the chain is none": (
        {"device.pem": own(EC).replace(CHAIN.pem, NOT_ONE)},
        "certificate 2 of device.pem cannot be used",
    ),
    "a key with a password": (
        {"device.key": private(EC, encryption=LOCKED)},
        "key 1 of device.key cannot be used (it has a password)",
    ),
    "an old key with a password": (
        {"device.key": private(EC, form=TRADITIONAL, encryption=LOCKED)},
        "key 1 of device.key cannot be used (it has a password)",
    ),
    "a key in DER with a password": (
        {"device.key": private(EC, DER, PKCS8, LOCKED)},
        "of device.pem cannot be used",
    ),
    "a certificate for a key": (
        {"device.key": own(EC)},
        "key 1 of device.key cannot be used (there is none)",
    ),
    "another key's nonsense": (
        {"device.key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        "of device.pem cannot be used",
    ),
}


def lay_out(folder, files):
    """A directory with these files in the place of good ones."""
    folder.mkdir()
    good = {"ca.pem": ROOTS[0].pem, "device.pem": own(EC), "device.key": private(EC)}
    for name, content in {**good, **files}.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(scope="module", params=["cpython", "micropython"])
def said(request, tmp_path_factory):
    """What was said of each case."""
    place = tmp_path_factory.mktemp("certificates")
    program = place / "load.py"
    program.write_text(PROGRAM)
    folders = [lay_out(place / str(number), files) for number, (files, _) in enumerate(CASES.values())]
    if request.param == "micropython":
        done = run_micropython(RP2, program, *folders)
    else:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        command = [sys.executable, program, *folders]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    lines = done.stdout.splitlines()
    assert len(lines) == len(CASES), done.stdout + done.stderr
    return dict(zip(CASES, lines, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_it_is_loaded_or_named(said, case):
    expected = CASES[case][1]
    if expected == LOADED:
        assert said[case] == f"{LOADED} True", "loaded, and whoever answers must have a certificate"
    else:
        assert expected in said[case]


def test_more_authorities_than_there_is_memory_for_are_named(tmp_path, monkeypatch):
    class Small:
        held = 0

        def load_verify_locations(self, der):
            self.held += 1
            if self.held > 2:
                raise MemoryError("memory allocation failed, allocating 1200 bytes")

    monkeypatch.setattr(certificates.compat, "tls_context", Small)
    folder = lay_out(tmp_path / "device", {"ca.pem": ALL})
    with pytest.raises(
        SetupError, match=r"certificate 3 of ca.pem cannot be used \(memory .* PEM or DER, and few"
    ):
        certificates.load(str(folder), False)
