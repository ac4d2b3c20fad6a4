"""The performatives (2.7), SASL frames (5.3.3) and the composite types within them, as tables of fields.

What is sent is sent at full length, nulls included: a client that counts on fixed positions (as
azure-eventhub does) fails on a list that was cut after its last value.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from .encoding import encode
from .errors import INVALID_FIELD, AmqpError, ConnectionBroken, malformed
from .types import Array, Described, Symbol, UByte, UInt, ULong, UShort

ANY = object
MAX_UINT = 0xFFFFFFFF


@dataclass(frozen=True)
class Field:
    """One field: the Python type that stands for its type, whether it must be there, what it is without."""

    name: str
    kind: type | tuple[type, ...]
    must: bool = False
    default: Any = None


@dataclass(frozen=True)
class Form:
    """A composite type: name, descriptor, section, and its fields in their order."""

    name: str
    code: int
    section: str
    fields: tuple[Field, ...]

    def read(self, values: Any) -> SimpleNamespace:
        """The fields by name. ConnectionBroken when one is missing, too many or of another type."""
        if not isinstance(values, list) or len(values) > len(self.fields):
            raise malformed(f"{self.section}: {self.name} is no list of at most {len(self.fields)} fields")
        read = {}
        for index, field in enumerate(self.fields):
            value = values[index] if index < len(values) else None
            if value is None:
                if field.must:
                    raise ConnectionBroken(INVALID_FIELD, f"{self.section}: {self.name} without {field.name}")
                value = field.default
            elif not isinstance(value, field.kind) or isinstance(value, bool) != (field.kind is bool):
                if field.kind is not ANY:
                    text = f"{self.section}: {field.name} of {self.name} is of another type"
                    raise ConnectionBroken(INVALID_FIELD, text)
            read[field.name] = value
        return SimpleNamespace(form=self, **read)

    def write(self, **values: Any) -> Described:
        """The composite with these fields, the others null; plain numbers and texts get the fields' types."""
        return Described(ULong(self.code), [_typed(field, values.get(field.name)) for field in self.fields])

    def encode(self, **values: Any) -> bytes:
        """The same as bytes."""
        return encode(self.write(**values))


def _typed(field: Field, value: Any) -> Any:
    # 1 is no uint and "x" no symbol, unless it is said.
    if type(value) in (int, str) and isinstance(field.kind, type) and issubclass(field.kind, int | str):
        return value if field.kind is str else field.kind(value)
    return value


def _form(name: str, code: int, section: str, *fields: Field) -> Form:
    return Form(name, code, section, fields)


MULTIPLE = (Symbol, Array)

OPEN = _form(
    *("open", 0x10, "2.7.1"),
    Field("container_id", str, must=True),
    Field("hostname", str),
    Field("max_frame_size", UInt, default=MAX_UINT),
    Field("channel_max", UShort, default=65535),
    Field("idle_time_out", UInt),
    Field("outgoing_locales", MULTIPLE),
    Field("incoming_locales", MULTIPLE),
    Field("offered_capabilities", MULTIPLE),
    Field("desired_capabilities", MULTIPLE),
    Field("properties", dict),
)
BEGIN = _form(
    *("begin", 0x11, "2.7.2"),
    Field("remote_channel", UShort),
    Field("next_outgoing_id", UInt, must=True),
    Field("incoming_window", UInt, must=True),
    Field("outgoing_window", UInt, must=True),
    Field("handle_max", UInt, default=MAX_UINT),
    Field("offered_capabilities", MULTIPLE),
    Field("desired_capabilities", MULTIPLE),
    Field("properties", dict),
)
ATTACH = _form(
    *("attach", 0x12, "2.7.3"),
    Field("name", str, must=True),
    Field("handle", UInt, must=True),
    Field("role", bool, must=True),
    Field("snd_settle_mode", UByte, default=2),
    Field("rcv_settle_mode", UByte, default=0),
    Field("source", Described),
    Field("target", Described),
    Field("unsettled", dict),
    Field("incomplete_unsettled", bool, default=False),
    Field("initial_delivery_count", UInt),
    Field("max_message_size", ULong),
    Field("offered_capabilities", MULTIPLE),
    Field("desired_capabilities", MULTIPLE),
    Field("properties", dict),
)
FLOW = _form(
    *("flow", 0x13, "2.7.4"),
    Field("next_incoming_id", UInt),
    Field("incoming_window", UInt, must=True),
    Field("next_outgoing_id", UInt, must=True),
    Field("outgoing_window", UInt, must=True),
    Field("handle", UInt),
    Field("delivery_count", UInt),
    Field("link_credit", UInt),
    Field("available", UInt),
    Field("drain", bool, default=False),
    Field("echo", bool, default=False),
    Field("properties", dict),
)
TRANSFER = _form(
    *("transfer", 0x14, "2.7.5"),
    Field("handle", UInt, must=True),
    Field("delivery_id", UInt),
    Field("delivery_tag", bytes),
    Field("message_format", UInt),
    Field("settled", bool),
    Field("more", bool, default=False),
    Field("rcv_settle_mode", UByte),
    Field("state", Described),
    Field("resume", bool, default=False),
    Field("aborted", bool, default=False),
    Field("batchable", bool, default=False),
)
DISPOSITION = _form(
    *("disposition", 0x15, "2.7.6"),
    Field("role", bool, must=True),
    Field("first", UInt, must=True),
    Field("last", UInt),
    Field("settled", bool, default=False),
    Field("state", Described),
    Field("batchable", bool, default=False),
)
DETACH = _form(
    *("detach", 0x16, "2.7.7"),
    Field("handle", UInt, must=True),
    Field("closed", bool, default=False),
    Field("error", Described),
)
END = _form("end", 0x17, "2.7.8", Field("error", Described))
CLOSE = _form("close", 0x18, "2.7.9", Field("error", Described))
PERFORMATIVES = {
    form.code: form for form in (OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE)
}

MECHANISMS = _form("sasl-mechanisms", 0x40, "5.3.3.1", Field("sasl_server_mechanisms", MULTIPLE, must=True))
INIT = _form(
    *("sasl-init", 0x41, "5.3.3.2"),
    Field("mechanism", Symbol, must=True),
    Field("initial_response", bytes),
    Field("hostname", str),
)
OUTCOME = _form(
    *("sasl-outcome", 0x44, "5.3.3.6"), Field("code", UByte, must=True), Field("additional_data", bytes)
)
SASL = {INIT.code: INIT}

ERROR = _form(
    *("error", 0x1D, "2.8.14"),
    Field("condition", Symbol, must=True),
    Field("description", str),
    Field("info", dict),
)
SOURCE = _form(
    *("source", 0x28, "3.5.3"),
    Field("address", ANY),
    Field("durable", UInt),
    Field("expiry_policy", Symbol),
    Field("timeout", UInt),
    Field("dynamic", bool, default=False),
    Field("dynamic_node_properties", dict),
    Field("distribution_mode", Symbol),
    Field("filter", dict),
    Field("default_outcome", Described),
    Field("outcomes", MULTIPLE),
    Field("capabilities", MULTIPLE),
)
TARGET = _form(
    *("target", 0x29, "3.5.4"),
    Field("address", ANY),
    Field("durable", UInt),
    Field("expiry_policy", Symbol),
    Field("timeout", UInt),
    Field("dynamic", bool, default=False),
    Field("dynamic_node_properties", dict),
    Field("capabilities", MULTIPLE),
)


MAX_TEXT = 360  # bytes of an error's description


def error_of(error: AmqpError | None) -> Described | None:
    """2.8.14, with no more of the text than fits into the frame that every peer takes (2.7.1: 512 bytes)."""
    if error is None:
        return None
    text = error.description.encode()[:MAX_TEXT].decode("utf-8", "ignore")
    return ERROR.write(condition=error.condition, description=text, info=error.info)


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery (3.4): ``accepted``, ``rejected``, ``released`` or ``modified``."""

    name: str
    error: AmqpError | None = None

    def write(self) -> Described:
        """As a delivery state."""
        fields = {"rejected": [error_of(self.error)], "modified": [None, None, None]}.get(self.name, [])
        return Described(ULong(_STATES[self.name]), fields)


ACCEPTED = Outcome("accepted")
_STATES = {"accepted": 0x24, "rejected": 0x25, "released": 0x26, "modified": 0x27}
_SYMBOLS = {f"amqp:{name}:list": name for name in _STATES}
_NAMES = {code: name for name, code in _STATES.items()} | _SYMBOLS


def outcome_of(state: Described | None) -> Outcome | None:
    """The outcome that a state is; None for a state that is not final (3.4.1), or for none."""
    name = _NAMES.get(state.descriptor) if state is not None and _hashable(state.descriptor) else None
    return Outcome(name) if name else None


def _hashable(value: Any) -> bool:
    return isinstance(value, int | str)
