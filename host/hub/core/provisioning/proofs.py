"""What a device shows to the provisioning service, and the enrolment that it opens.

A certificate's subject must be ``CN={registration id}``. Groups are asked only for a registration
id without an enrolment of its own ("How to disenroll a device").
"""

from dataclasses import dataclass

from ..access.tokens import TokenRefused, check_token, covers, parse_token
from ..ports import Certificate
from .attestation import authorities_of, keys_of, thumbprints_of
from .enrolments import Enrolments
from .tables import GROUP, INDIVIDUAL, Kind, Record

Opened = tuple[Kind, Record, Record]


@dataclass(frozen=True)
class Proof:
    """What a device shows: a token or a certificate, or both."""

    registration_id: str
    password: str | None
    certificate: Certificate | None

    def __repr__(self) -> str:
        return f"<Proof of {self.registration_id}>"


def authenticate(enrolments: Enrolments, proof: Proof, utc: float) -> Opened:
    """The kind of the enrolment that the proof opens, itself, and the ``authentication`` of the device's identity.

    TokenRefused when there is none.
    """
    return _by_token(enrolments, proof, utc) if proof.password else _by_certificate(enrolments, proof)


def _by_token(enrolments: Enrolments, proof: Proof, utc: float) -> Opened:
    token = parse_token(proof.password or "")
    if not covers(token.resource, (enrolments.scope.lower(),), "registrations", proof.registration_id):
        raise TokenRefused("resource", "the token is not for this registration id and scope")
    own = enrolments.tables[INDIVIDUAL].get(proof.registration_id)
    if own is not None and not keys_of(own, INDIVIDUAL, proof.registration_id):
        raise TokenRefused("key", f"the enrolment {_name(own)!r} is for a certificate, not for a key")
    for kind, enrolment in _candidates(enrolments, own):
        keys = keys_of(enrolment, kind, proof.registration_id)
        try:
            if keys:
                check_token(token, keys, utc, f"enrolment {_name(enrolment)!r}")
                symmetric = {"primaryKey": keys[0], "secondaryKey": keys[1]}
                return kind, enrolment, {"type": "sas", "symmetricKey": symmetric}
        except TokenRefused as error:
            # Whose key it is not, is not the one that was meant.
            if own is not None or error.kind != "key":
                raise
    raise TokenRefused("key", "no enrolment has this registration id, nor a group this key")


def _by_certificate(enrolments: Enrolments, proof: Proof) -> Opened:
    certificate = proof.certificate
    if certificate is None:
        raise TokenRefused("key", "it showed neither a SAS token nor a client certificate")
    if certificate.common_name != proof.registration_id:
        raise TokenRefused("key", f"the client certificate must have the subject CN={proof.registration_id}")
    own = enrolments.tables[INDIVIDUAL].get(proof.registration_id)
    for kind, enrolment in _candidates(enrolments, own):
        prints = {text.lower() for text in certificate.thumbprints}
        if prints & thumbprints_of(enrolment) or authorities_of(enrolment, kind) & set(
            certificate.authorities
        ):
            shown = {"primaryThumbprint": certificate.thumbprints[-1].upper()}
            return kind, enrolment, {"type": "selfSigned", "x509Thumbprint": shown}
    if own is not None:
        keyed = bool(keys_of(own, INDIVIDUAL, proof.registration_id))
        what = "keys, and takes no certificate" if keyed else "another certificate's thumbprint"
        raise TokenRefused("key", f"the enrolment {_name(own)!r} has {what}")
    raise TokenRefused(
        "key", "no enrolment has this registration id, nor a group the authority that issued its certificate"
    )


def _candidates(enrolments: Enrolments, own: Record | None) -> list[tuple[Kind, Record]]:
    # Where there is an individual enrolment, no group is asked.
    if own is not None:
        return [(INDIVIDUAL, own)]
    return [(GROUP, group) for group in enrolments.tables[GROUP]]


def _name(enrolment: Record) -> str:
    return enrolment.get(INDIVIDUAL.member) or enrolment[GROUP.member]
