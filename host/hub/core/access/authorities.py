"""Registered certificate authorities: whose word on a device's certificate counts.

The core keeps their names and texts; to check a chain against them is the skin's.
(Azure wants a proof of possession for each; this hub takes your word.)
"""

from collections.abc import Mapping

from ..errors import HubError
from ..ports import Store
from .identities import check_device_id

RECORD_ID = "/authorities"


class Authorities:
    """The authorities of one hub and of its provisioning service. ``certificates``: name to PEM text."""

    def __init__(self, store: Store):
        self._store = store
        self._record = store.load(RECORD_ID) or {"id": RECORD_ID, "certificates": {}}

    @property
    def certificates(self) -> Mapping[str, str]:
        return self._record["certificates"]

    def add(self, name: str, pem: str) -> None:
        """Register one; 409 when the name is taken."""
        check_device_id(name)
        if name in self.certificates:
            raise HubError("CertificateAuthorityConflict", f"The authority {name!r} exists; remove it first.")
        self._record["certificates"][name] = pem
        self._store.save(self._record)

    def remove(self, name: str) -> None:
        """Forget one; live connections stay."""
        if self._record["certificates"].pop(name, None) is None:
            raise HubError("CertificateAuthorityNotFound", f"There is no authority {name!r}.")
        self._store.save(self._record)
