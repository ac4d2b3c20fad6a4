"""The query language's values: three-valued logic, comparisons and functions.

A condition is True, False or None (undefined: a path that does not exist, or
values that cannot be compared). Undefined stays undefined through NOT, and a row
is an answer only when its condition is True.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any


class Undefined:
    """What a path that does not exist evaluates to."""

    __slots__ = ()


UNDEFINED = Undefined()
Lookup = Callable[[tuple[str, ...]], Any]
Condition = Callable[[Lookup], bool | None]
Value = Callable[[Lookup], Any]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
FUNCTIONS: dict[str, Callable[[Any], bool]] = {
    "is_defined": lambda value: True,
    "is_null": lambda value: value is None,
    "is_bool": lambda value: isinstance(value, bool),
    "is_number": lambda value: family_of(value) == "number",
    "is_string": lambda value: isinstance(value, str),
    "is_object": lambda value: isinstance(value, dict),
    "is_primitive": lambda value: family_of(value) is not None,
}


def family_of(value: Any) -> str | None:
    """Scalars compare within their family only."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "null" if value is None else None


def compare(sign: str, left: Any, right: Any) -> bool | None:
    """Compare two scalars of one family; undefined for all else, and for the order of nulls."""
    family = family_of(left)
    if family is None or family != family_of(right):
        return None
    if family == "null" and sign not in ("=", "!=", "<>"):
        return None
    return COMPARISONS[sign](left, right)


def literal(value: Any) -> Value:
    """A value that is the same for every device."""
    return lambda look: value


def nothing(path: tuple[str, ...]) -> Any:
    """The lookup of no device: for evaluating literals."""
    return UNDEFINED


def truth(value: Any) -> bool | None:
    """A value used as a condition: a boolean, or undefined."""
    return value if isinstance(value, bool) else None


def all_of(values: Iterable[bool | None]) -> bool | None:
    """AND: False wins, then undefined."""
    result: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def any_of(values: Iterable[bool | None]) -> bool | None:
    """OR: True wins, then undefined."""
    result: bool | None = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result
