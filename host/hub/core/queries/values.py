"""The query language's values: what can be computed, and what stays undefined.

Every expression has a value for a device: JSON, or UNDEFINED for a path that does
not exist, values that cannot be compared, and arithmetic on what is no number.
Undefined stays undefined through NOT, AND, OR and arithmetic, and a row is an
answer only when its condition is True.
"""

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any


class Undefined:
    """What a path that does not exist evaluates to."""

    __slots__ = ()


UNDEFINED = Undefined()
Lookup = Callable[[tuple[str, ...]], Any]
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
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
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


# Questions about two texts; STARTS_WITH and ENDS_WITH are of message routes only.
TEXT_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
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


def compare(sign: str, left: Any, right: Any) -> Any:
    """Compare two scalars of one family; undefined for all else, and for the order of nulls."""
    family = family_of(left)
    if family is None or family != family_of(right):
        return UNDEFINED
    if family == "null" and sign not in ("=", "!=", "<>"):
        return UNDEFINED
    return COMPARISONS[sign](left, right)


def calculate(sign: str, left: Any, right: Any) -> Any:
    """Arithmetic on two numbers; undefined for all else, and where there is no result."""
    if family_of(left) != "number" or family_of(right) != "number":
        return UNDEFINED
    return _number(lambda: ARITHMETIC[sign](left, right))


def _number(work: Callable[[], Any]) -> Any:
    # A double, as JSON readers know numbers, and whole where it can be.
    try:
        number = float(work())
    except (ZeroDivisionError, OverflowError, ValueError):
        return UNDEFINED
    if not math.isfinite(number):
        return UNDEFINED
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


# What is made of the values of many rows; all but count get numbers only.
AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "avg": lambda numbers: _number(lambda: math.fsum(numbers) / len(numbers)),
    "sum": lambda numbers: _number(lambda: math.fsum(numbers)) if numbers else UNDEFINED,
    "min": lambda numbers: min(numbers, default=UNDEFINED),
    "max": lambda numbers: max(numbers, default=UNDEFINED),
}


def literal(value: Any) -> Value:
    """A value that is the same for every device."""
    return lambda look: value


def nothing(path: tuple[str, ...]) -> Any:
    """The lookup of no device: for evaluating literals."""
    return UNDEFINED


def truth(value: Any) -> Any:
    """A value used as a condition: a boolean, or undefined."""
    return value if isinstance(value, bool) else UNDEFINED


def opposite(value: Any) -> Any:
    """NOT."""
    return not value if isinstance(value, bool) else UNDEFINED


def all_of(values: Iterable[Any]) -> Any:
    """AND: False wins, then undefined."""
    result: Any = True
    for value in values:
        if value is False:
            return False
        if value is not True:
            result = UNDEFINED
    return result


def any_of(values: Iterable[Any]) -> Any:
    """OR: True wins, then undefined."""
    result: Any = False
    for value in values:
        if value is True:
            return True
        if value is not False:
            result = UNDEFINED
    return result
