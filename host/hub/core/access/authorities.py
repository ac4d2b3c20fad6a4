"""Registered certificate authorities: whose word on a device's certificate counts.

The core keeps their names and texts; to check a chain against them is the skin's.
(Azure wants a proof of possession for each; this hub takes your word.)
"""

from collections.abc import Mapping

from ..errors import HubError, not_stored
from ..ports import Store
from .identities import check_device_id

RECORD_ID = "/authorities"


class Authorities:
    """The authorities of one hub and of its provisioning service. ``certificates``: name to PEM text."""

    def __init__(self, store: Store):
        self._store = store
        kept = store.load(RECORD_ID)
        self._certificates: dict[str, str] = kept["certificates"] if kept else {}

    @property
    def certificates(self) -> Mapping[str, str]:
        return self._certificates

    def add(self, name: str, pem: str) -> None:
        """Register one; 409 when the name is taken."""
        check_device_id(name)
        if name in self.certificates:
            raise HubError("CertificateAuthorityConflict", f"The authority {name!r} exists; remove it first.")
        self._save({**self._certificates, name: pem})
        self._certificates[name] = pem

    def remove(self, name: str) -> None:
        """Forget one; live connections stay."""
        if name not in self.certificates:
            raise HubError("CertificateAuthorityNotFound", f"There is no authority {name!r}.")
        self._save({other: pem for other, pem in self._certificates.items() if other != name})
        del self._certificates[name]

    def _save(self, certificates: dict[str, str]) -> None:
        try:
            self._store.save({"id": RECORD_ID, "certificates": certificates})
        except Exception as error:
            raise not_stored("the authorities", error) from error
