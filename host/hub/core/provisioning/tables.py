"""The resources of the provisioning service: kept in the store one by one, found by their ids in any letter case.

REST reference of the Device Provisioning Service: ids are "a case-insensitive string (up to 128 characters
long) of alphanumeric characters plus certain special characters : . _ -".
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .. import jsontext
from ..access.identities import etag_matches, invalid
from ..errors import HubError, not_stored
from ..ports import Store

MAX_PAGE = 1000
DEFAULT_PAGE = 100  # azure-iot-sdk-node issue 813
ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-._:]{0,126}[A-Za-z0-9])?")

Record = dict[str, Any]


class Kind(NamedTuple):
    """A kind of resource: where it is, the member that holds its id, and how it is called."""

    path: str
    member: str
    called: str
    missing: str


INDIVIDUAL = Kind("enrollments", "registrationId", "enrolment", "EnrollmentNotFound")
GROUP = Kind("enrollmentGroups", "enrollmentGroupId", "enrolment group", "EnrollmentNotFound")
REGISTRATION = Kind("registrations", "registrationId", "registration", "RegistrationNotFound")


class Table:
    """All resources of one kind. What is put and removed goes through the store first.

    ``records``: what the store holds, among it those of this kind.
    """

    def __init__(self, store: Store, kind: Kind, records: Iterable[Record] = ()):
        self.kind = kind
        self._store = store
        self._rows: dict[str, Record] = {}
        for record in records:
            if record["id"].startswith(f"/{kind.path}/"):
                self._rows[record["id"].rpartition("/")[2]] = record["resource"]

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._rows.values()))

    def get(self, name: str) -> Record | None:
        """The resource itself, or None."""
        return self._rows.get(name.lower())

    def find(self, name: str, etag: str | None = None) -> Record:
        """The resource itself; 404 without one, 412001 where its etag is another."""
        row = self.get(name)
        if row is None:
            raise HubError(self.kind.missing, f"There is no {self.kind.called} {name[:128]!r}.")
        if not etag_matches(etag, row["etag"]):
            raise HubError(
                "PreconditionFailed",
                f"The {self.kind.called} {name!r} was changed since that etag was read; "
                "read it again and repeat the change, or send If-Match: * to overwrite.",
            )
        return row

    def put(self, row: Record) -> None:
        """Store one, new or changed; 500001 when the store cannot take it."""
        name = row[self.kind.member].lower()
        self._written(lambda: self._store.save({"id": self._place(name), "resource": row}))
        self._rows[name] = row

    def remove(self, name: str, *more: tuple["Table", str]) -> None:
        """Forget one, and with it what there is ``more`` of other tables: all of it, or 500001."""
        gone = [(table, one.lower()) for table, one in ((self, name), *more) if table.get(one) is not None]
        self._written(lambda: self._store.write((), [table._place(one) for table, one in gone]))
        for table, one in gone:
            del table._rows[one]

    def page(
        self, size: int | None, continuation: str | None, wanted: Callable[[Record], bool] = lambda row: True
    ) -> tuple[list[Record], str | None]:
        """Up to ``size`` resources by id, after those before ``continuation``, and the next one or None.

        A page has MAX_PAGE of them at the most, and DEFAULT_PAGE where no ``size`` is given.
        """
        if size is not None and size < 1:
            raise invalid("x-ms-max-item-count must be a whole number from 1.")
        after = "" if continuation is None else _read(continuation)
        left = [name for name in sorted(self._rows) if name > after and wanted(self._rows[name])]
        page = left[: min(size or DEFAULT_PAGE, MAX_PAGE)]
        more = base64.urlsafe_b64encode(page[-1].encode()).decode() if len(left) > len(page) else None
        return [self._rows[name] for name in page], more

    def _place(self, name: str) -> str:
        return f"/{self.kind.path}/{name}"

    def _written(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:
            raise not_stored(f"the {self.kind.called}", error) from error


def _read(continuation: str) -> str:
    try:
        return base64.urlsafe_b64decode(continuation).decode()
    except (binascii.Error, ValueError):
        raise invalid("x-ms-continuation must be the one of the page before.") from None


def check_id(name: Any) -> str:
    """The id, or 400004 that says what an id may hold."""
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise invalid("An id is 1 to 128 letters, digits and '- . _ :', alphanumeric at both ends.")
    return name


def new_etag(random_bytes: Callable[[int], bytes]) -> str:
    """An etag with the look of the service's: base64 of a quoted text."""
    digits = random_bytes(16).hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return base64.b64encode(f'"{"-".join(parts)}"'.encode()).decode()


def member(body: Record, name: str, kind: type, otherwise: Any = None) -> Any:
    """A member of a body; null is as good as none. 400004 when it is of another type."""
    value = body.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, kind):
        called = {dict: "an object", str: "text", bool: "true or false", list: "an array"}[kind]
        raise invalid(f"The member {name!r} must be {called}.")
    return jsontext.copy(value)
