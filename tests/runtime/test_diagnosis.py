"""What is said of a connection that failed, from the texts that TLS has for it on each board."""

from twinkle.runtime.diagnosis import line

# mbedTLS, include/mbedtls/x509_crt.h, as the rp2 port and Debian's build say it; Python's ssl with OpenSSL 3.
NAME = (
    "The certificate Common Name (CN) does not match with the expected CN\n",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'a'",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, certificate is not valid for",
)
TIME = (
    "The certificate validity has expired\n",
    "The certificate validity starts in the future\n",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid",
)
AUTHORITY = (
    "The certificate is not correctly signed by the trusted CA\n",
    "The certificate is signed with an unacceptable hash.\n",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain",
)
# lib/mbedtls_errors of MicroPython, which rp2 has; Debian's mbedTLS; OpenSSL.
OTHER = (
    "(-30592, 'MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE')",
    "(-30592, 'SSL - A fatal alert message was received from our peer')",
    "[SSL: WRONG_VERSION_NUMBER] wrong version number",
    "[Errno 104] ECONNRESET",
)


def test_whatever_tls_says_the_same_is_said_of_it():
    for texts, words in (
        (NAME, "is not for the.hub"),
        (TIME, "not valid at this device's time"),
        (AUTHORITY, "not signed by a certificate authority this device trusts"),
        (OTHER, "TLS with the.hub failed"),
    ):
        for text in texts:
            error = line(text, "the.hub", False)
            assert words in error.text and error.remedy, (text, str(error))


def test_of_two_faults_of_a_certificate_the_name_is_told():
    assert "is not for the.hub" in str(line(NAME[0] + AUTHORITY[0], "the.hub", False))
