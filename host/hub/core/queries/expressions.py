"""The query language's expressions: from tokens to something that can be asked of a device.

IoT Hub developer guide, "Query expressions". From loosest to tightest::

    condition   comparison joined by OR, AND, NOT
    comparison  sum [= != <> < > <= >= sum], sum IN [literals], sum NIN [literals]
    sum         product { + - product }
    product     operand { * / % operand }
    operand     literal, path, function(value {, value}), (condition), - operand
    path        name { .name | ['name'] | [[name]] }, where a keyword needs its brackets

Numbers, strings and conditions are told apart when a query is parsed as far as
the text shows it; what a path holds is only known for each device.
"""

from dataclasses import dataclass
from typing import Any

from .text import KEYWORDS, LITERALS, Token, Tokens, refuse
from .values import (
    COMPARISONS,
    FUNCTIONS,
    TEXT_FUNCTIONS,
    UNDEFINED,
    Lookup,
    Value,
    all_of,
    any_of,
    calculate,
    compare,
    family_of,
    literal,
    nothing,
    opposite,
    truth,
)

# What the service itself says of a twin or of a device's part in a job. It is written in any letter case: azure-docs,
# iot-hub "Queries for IoT Hub device and module twins", asks for DeviceId and LastActivityTime and is answered
# deviceId and lastActivityTime. (A job's own id is written so in .NET's end-to-end tests.)
_OWN = (
    "deviceId moduleId modelId etag deviceEtag version status statusReason statusUpdateTime connectionState "
    "lastActivityTime cloudToDeviceMessageCount authenticationType x509Thumbprint capabilities jobId jobType "
    "startTimeUtc endTimeUtc createdDateTimeUtc lastUpdatedDateTimeUtc outcome error"
)
ROOTS = {name.lower(): name for name in _OWN.split()}
MAX_NESTING = 50  # parentheses, functions and signs; the parser recurses for them


@dataclass(frozen=True, slots=True)
class Node:
    """An expression. ``value`` computes it; the rest is what the text alone shows.

    ``position``: where it begins; ``path``: the path it is, if it is one;
    ``kind``: ``"condition"``, ``"literal"``, ``"path"`` or ``"number"``;
    ``only_id``: the device id without which it cannot be True, if there is one.
    """

    value: Value
    position: int
    kind: str
    path: tuple[str, ...] | None = None
    only_id: str | None = None


class Expressions:
    """Recursive descent over the tokens, one method for each rule of the grammar."""

    def __init__(self, tokens: Tokens):
        self._tokens = tokens
        source, alias = tokens.source()
        self._roots = [source.split("."), [alias]]
        if source == "devices.modules":
            self._roots.append(["devices"])
        self._depth = 0

    def condition(self) -> Node:
        """What may stand after WHERE."""
        node = self._or()
        return self._as_condition(node)

    def sum(self) -> Node:
        """What may stand in a list of projections."""
        return self._chain(("+", "-"), self._product)

    def _as_condition(self, node: Node) -> Node:
        if node.kind == "condition":
            return node
        if node.kind == "path" or isinstance(node.value(nothing), bool):
            return Node(lambda look: truth(node.value(look)), node.position, "condition")
        token = self._tokens.next
        raise refuse("expected a comparison, IN, NIN or a function", token.position)

    def _or(self) -> Node:
        parts = [self._and()]
        while self._tokens.is_next("or"):
            parts[-1] = self._as_condition(parts[-1])
            self._tokens.take()
            parts.append(self._as_condition(self._and()))
        if len(parts) == 1:
            return parts[0]
        values = [part.value for part in parts]
        return Node(lambda look: any_of(value(look) for value in values), parts[0].position, "condition")

    def _and(self) -> Node:
        parts = [self._not()]
        while self._tokens.is_next("and"):
            parts[-1] = self._as_condition(parts[-1])
            self._tokens.take()
            parts.append(self._as_condition(self._not()))
        if len(parts) == 1:
            return parts[0]
        values = [part.value for part in parts]
        ids = [part.only_id for part in parts if part.only_id is not None]
        return Node(
            lambda look: all_of(value(look) for value in values),
            parts[0].position,
            "condition",
            only_id=ids[0] if ids else None,
        )

    def _not(self) -> Node:
        if not self._tokens.is_next("not"):
            return self._comparison()
        token = self._tokens.take()
        inner = self._as_condition(self._deeper(self._not))
        return Node(lambda look: opposite(inner.value(look)), token.position, "condition")

    def _comparison(self) -> Node:
        left = self.sum()
        sign = self._tokens.next
        if sign.kind == "sign" and sign.text in COMPARISONS:
            self._tokens.take()
            right = self.sum()
            return Node(
                lambda look: compare(sign.text, left.value(look), right.value(look)),
                left.position,
                "condition",
                only_id=_only_id(left, right) or _only_id(right, left) if sign.text == "=" else None,
            )
        if self._tokens.is_next("in") or self._tokens.is_next("nin"):
            return self._membership(left, self._tokens.take().text.lower() == "nin")
        return left

    def _membership(self, left: Node, negative: bool) -> Node:
        self._tokens.expect("[")
        items: list[Any] = []
        while not self._tokens.accept("]"):
            if items:
                self._tokens.expect(",")
            node = self.sum()
            if node.kind != "literal":
                raise refuse("a list may hold literal values only", node.position)
            items.append(node.value(nothing))

        def member(look: Lookup) -> Any:
            found = left.value(look)
            if family_of(found) is None:
                return UNDEFINED
            return any(compare("=", found, item) is True for item in items) != negative

        return Node(member, left.position, "condition")

    def _product(self) -> Node:
        return self._chain(("*", "/", "%"), self._operand)

    def _chain(self, signs: tuple[str, ...], part) -> Node:
        node = part()
        while self._tokens.next.kind == "sign" and self._tokens.next.text in signs:
            self._check_number(node, self._tokens.next.position)
            sign = self._tokens.take().text
            right = part()
            self._check_number(right, right.position)
            node = _calculation(sign, node, right)
        return node

    def _check_number(self, node: Node, position: int) -> None:
        if node.kind == "condition" or (
            node.kind == "literal" and family_of(node.value(nothing)) != "number"
        ):
            raise refuse("arithmetic takes numbers only", position)

    def _operand(self) -> Node:
        token = self._tokens.take()
        if token.kind in ("string", "number"):
            return Node(literal(token.value), token.position, "literal")
        if token.kind == "sign" and token.text == "(":
            inner = self._deeper(self._or)
            self._tokens.expect(")")
            return inner
        if token.kind == "sign" and token.text == "-":
            inner = self._deeper(self._operand)
            self._check_number(inner, inner.position)
            return _calculation("-", Node(literal(0), token.position, "literal"), inner)
        if token.kind == "word":
            word = token.text.lower()
            if word in LITERALS:
                return Node(literal(LITERALS[word]), token.position, "literal")
            if self._tokens.is_next("("):
                return self._function(token)
            if word not in KEYWORDS:
                return self._path(token)
        if token.kind == "name":
            return self._path(token)
        raise refuse(f"expected a value or a property path, found {token.text[:32]!r}", token.position)

    def _function(self, token: Token) -> Node:
        name = token.text.lower()
        test = FUNCTIONS.get(name) or TEXT_FUNCTIONS.get(name)
        if test is None:
            known = ", ".join((*FUNCTIONS, *TEXT_FUNCTIONS))
            raise refuse(
                f"the function {token.text[:32]!r} is not served here; there is {known}", token.position
            )
        self._tokens.expect("(")
        inner = self._deeper(self.sum).value
        if name in FUNCTIONS:
            self._tokens.expect(")")

            def ask(look: Lookup) -> Any:
                found = inner(look)
                return found is not UNDEFINED and test(found)

        else:
            self._tokens.expect(",")
            part = self._text().value
            self._tokens.expect(")")

            def ask(look: Lookup) -> Any:
                texts = inner(look), part(look)
                return test(*texts) if all(isinstance(text, str) for text in texts) else UNDEFINED

        return Node(ask, token.position, "condition")

    def _text(self) -> Node:
        node = self._deeper(self.sum)
        if node.kind != "path" and not isinstance(node.value(nothing), str):
            raise refuse("expected a text or a property path", node.position)
        return node

    def path(self) -> Node:
        """A property path and nothing else."""
        token = self._tokens.take()
        if token.kind != "name" and (token.kind != "word" or token.text.lower() in KEYWORDS):
            raise refuse(f"expected a property path, found {token.text[:32]!r}", token.position)
        return self._path(token)

    def _path(self, first: Token) -> Node:
        names = [first.value or first.text]
        while True:
            if self._tokens.accept("."):
                names.append(self._name())
            elif self._tokens.next.kind == "name":
                names.append(self._tokens.take().value)
            elif self._tokens.accept("["):
                token = self._tokens.take()
                if token.kind != "string":
                    raise refuse("expected a quoted property name", token.position)
                names.append(token.value)
                self._tokens.expect("]")
            else:
                break
        for root in self._roots:
            if names[: len(root)] == root and len(names) > len(root):
                del names[: len(root)]
                break
        names[0] = ROOTS.get(names[0].lower(), names[0])
        path = tuple(names)
        return Node(lambda look: look(path), first.position, "path", path)

    def _name(self) -> str:
        token = self._tokens.take()
        if token.kind == "name":
            return token.value
        if token.kind != "word":
            raise refuse(f"expected a property name, found {token.text!r}", token.position)
        if token.text.lower() in KEYWORDS or token.text.lower() in LITERALS:
            raise refuse(
                f"{token.text!r} is a reserved word; as a property name it is [[{token.text}]]",
                token.position,
            )
        return token.text

    def _deeper(self, rule) -> Node:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise refuse(f"nested deeper than {MAX_NESTING} levels", self._tokens.next.position)
        node = rule()
        self._depth -= 1
        return node


def _calculation(sign: str, left: Node, right: Node) -> Node:
    if left.kind == right.kind == "literal":
        value = calculate(sign, left.value(nothing), right.value(nothing))
        return Node(literal(value), left.position, "literal")
    return Node(lambda look: calculate(sign, left.value(look), right.value(look)), left.position, "number")


def _only_id(path: Node, other: Node) -> str | None:
    constant = other.value(nothing) if other.kind == "literal" else None
    return constant if path.path == ("deviceId",) and isinstance(constant, str) else None
