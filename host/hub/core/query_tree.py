"""The query language's sentences: from tokens to a condition that can be asked of a device.

IoT Hub developer guide, "IoT Hub query language". Served is
``SELECT [TOP n] * FROM devices [WHERE condition]`` with AND, OR, NOT, the
comparisons, IN and NIN, and functions of one path or value. Projections,
aggregates, arithmetic and GROUP BY are refused with their position.
"""

from dataclasses import dataclass

from .query_text import Token, refuse, tokens_of
from .query_values import (
    COMPARISONS,
    FUNCTIONS,
    UNDEFINED,
    Condition,
    Lookup,
    Value,
    all_of,
    any_of,
    compare,
    family_of,
    literal,
    nothing,
    truth,
)

MAX_NESTING = 50  # parentheses and NOTs; the parser recurses for them

_KEYWORDS = frozenset(
    {"select", "top", "from", "where", "and", "or", "not", "in", "nin", "group", "by", "as"}
)


@dataclass(frozen=True)
class Query:
    """A parsed query. ``top`` limits all rows; ``only_id`` is set when one device id is all that can match."""

    top: int | None
    condition: Condition | None
    only_id: str | None


def parse_query(text: str) -> Query:
    """Parse, or raise 400004 naming the position."""
    return _Parser(tokens_of(text)).query()


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, tokens: list[Token]):
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._ids: list[str] = []

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _is(self, text: str) -> bool:
        token = self._next
        if token.kind == "word":
            return token.text.lower() == text
        return token.kind == "sign" and token.text == text

    def _accept(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise refuse(f"expected {text.upper()}, found {self._next.text!r}", self._next.position)

    def query(self) -> Query:
        self._expect("select")
        top = self._top() if self._accept("top") else None
        if not self._is("*"):
            raise refuse("only SELECT * is served here, no projections or aggregates", self._next.position)
        self._take()
        self._expect("from")
        self._expect("devices")
        if self._is("."):
            raise refuse("only FROM devices is served here, no modules or jobs", self._next.position)
        condition = self._or(top=True) if self._accept("where") else None
        if self._is("group"):
            raise refuse("GROUP BY is not served here", self._next.position)
        if self._next.kind != "end":
            raise refuse(f"unexpected {self._next.text!r}", self._next.position)
        return Query(top, condition, self._ids[0] if self._ids else None)

    def _top(self) -> int:
        bracket = self._accept("(")
        token = self._take()
        if token.kind != "number" or not isinstance(token.value, int) or token.value < 1:
            raise refuse("TOP needs a whole number from 1", token.position)
        if bracket:
            self._expect(")")
        return token.value

    def _or(self, top: bool = False) -> Condition:
        first = self._and()
        if not self._is("or"):
            return first
        if top:
            self._ids.clear()  # another branch may match any id
        parts = [first]
        while self._accept("or"):
            parts.append(self._and())
            if top:
                self._ids.clear()
        return lambda look: any_of(part(look) for part in parts)

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._accept("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda look: all_of(part(look) for part in parts)

    def _not(self) -> Condition:
        if not self._is("not"):
            return self._primary()
        with _Deeper(self):
            self._take()
            inner = self._not()

        def negated(look: Lookup) -> bool | None:
            value = inner(look)
            return None if value is None else not value

        return negated

    def _primary(self) -> Condition:
        if self._is("("):
            with _Deeper(self):
                self._take()
                inner = self._or()
                self._expect(")")
            return inner
        token = self._next
        if token.kind == "word" and self._tokens[self._at + 1].text == "(":
            return self._function()
        left = self._value()
        sign = self._next
        if sign.kind == "sign" and sign.text in COMPARISONS:
            self._take()
            return self._comparison(sign.text, left, self._value())
        if self._is("in") or self._is("nin"):
            return self._membership(left, self._take().text.lower() == "nin")
        if sign.kind == "sign" and sign.text in ("+", "-", "*", "/", "%"):
            raise refuse("arithmetic is not served here", sign.position)
        value, path = left
        if path is not None or isinstance(value(nothing), bool):
            return lambda look: truth(value(look))
        raise refuse("expected a comparison, IN, NIN or a function", sign.position)

    def _comparison(self, sign: str, left: "_Operand", right: "_Operand") -> Condition:
        (left_value, left_path), (right_value, right_path) = left, right
        if sign == "=" and self._depth == 0:
            for path, other, other_path in (
                (left_path, right_value, right_path),
                (right_path, left_value, left_path),
            ):
                constant = other(nothing) if other_path is None else None
                if path == ("deviceId",) and isinstance(constant, str):
                    self._ids.append(constant)
        return lambda look: compare(sign, left_value(look), right_value(look))

    def _membership(self, left: "_Operand", negative: bool) -> Condition:
        self._expect("[")
        items = []
        while not self._accept("]"):
            if items:
                self._expect(",")
            position = self._next.position
            value, path = self._value()
            if path is not None:
                raise refuse("a list may hold literal values only", position)
            items.append(value(nothing))
        value, _ = left

        def member(look: Lookup) -> bool | None:
            found = value(look)
            if family_of(found) is None:
                return None
            return any(compare("=", found, item) is True for item in items) != negative

        return member

    def _function(self) -> Condition:
        token = self._take()
        name = token.text.lower()
        test = FUNCTIONS.get(name)
        if test is None:
            known = ", ".join(FUNCTIONS)
            raise refuse(
                f"the function {token.text[:32]!r} is not served here; there is {known}", token.position
            )
        self._expect("(")
        value, _ = self._value()
        self._expect(")")

        def ask(look: Lookup) -> bool:
            found = value(look)
            return found is not UNDEFINED and test(found)

        return ask

    def _value(self) -> "_Operand":
        """A literal or a path: how to get it, and the path if it is one."""
        token = self._take()
        if token.kind == "string" or token.kind == "number":
            return literal(token.value), None
        if token.kind == "sign" and token.text == "-" and self._next.kind == "number":
            return literal(-self._take().value), None
        if token.kind == "word":
            word = token.text.lower()
            if word in ("true", "false", "null"):
                return literal({"true": True, "false": False, "null": None}[word]), None
            if word not in _KEYWORDS:
                return self._path(token)
        raise refuse(f"expected a value or a property path, found {token.text!r}", token.position)

    def _path(self, first: Token) -> "_Operand":
        names = [first.text]
        while True:
            if self._accept("."):
                token = self._take()
                if token.kind != "word":
                    raise refuse(f"expected a property name, found {token.text!r}", token.position)
                names.append(token.text)
            elif self._accept("["):
                token = self._take()
                if token.kind != "string":
                    raise refuse("expected a quoted property name", token.position)
                names.append(token.value)
                self._expect("]")
            else:
                break
        if names[0] == "devices" and len(names) > 1:
            del names[0]
        path = tuple(names)
        return (lambda look: look(path)), path


_Operand = tuple[Value, tuple[str, ...] | None]


class _Deeper:
    """Counts nesting while a bracket or NOT is open."""

    def __init__(self, parser: _Parser):
        self._parser = parser

    def __enter__(self) -> None:
        self._parser._depth += 1
        if self._parser._depth > MAX_NESTING:
            raise refuse(f"nested deeper than {MAX_NESTING} levels", self._parser._next.position)

    def __exit__(self, *exception: object) -> None:
        self._parser._depth -= 1
