"""The query language's sentences: SELECT, FROM, WHERE and GROUP BY.

IoT Hub developer guide, "IoT Hub query language"::

    SELECT [TOP n] * | columns FROM source [[AS] name] [WHERE condition] [GROUP BY path]

The source is ``devices``, ``devices.modules`` or ``devices.jobs``; of the last, only whole rows are answered.

A column is an expression or an aggregate (count, avg, sum, min, max), with a name
after AS; without one it is called by the last name of its path, or by its
aggregate. With an aggregate or GROUP BY, every other column must be the path that
is grouped by.
"""

from dataclasses import dataclass

from .expressions import Expressions, Node
from .text import KEYWORDS, Token, Tokens, refuse
from .values import AGGREGATES

MAX_COLUMNS = 50
DEVICES, MODULES, JOBS = SOURCES = ("devices", "devices.modules", "devices.jobs")


@dataclass(frozen=True, slots=True)
class Column:
    """One member of a row: its name, what is asked of a device, and the aggregate over all of them if any."""

    name: str
    node: Node | None
    aggregate: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. ``columns`` is empty for whole twins; ``top`` limits all rows; ``source``: one of SOURCES."""

    top: int | None
    columns: tuple[Column, ...]
    condition: Node | None
    group: Node | None
    source: str = DEVICES

    @property
    def aggregates(self) -> bool:
        """Whether its rows are made of many devices."""
        return self.group is not None or any(column.aggregate for column in self.columns)


def parse_query(text: str) -> Query:
    """Parse, or raise 400004 naming the position."""
    tokens = Tokens(text)
    expressions = Expressions(tokens)
    tokens.expect("select")
    top = _top(tokens) if tokens.accept("top") else None
    _check_distinct(tokens)
    columns = () if tokens.accept("*") else _columns(tokens, expressions)
    tokens.expect("from")
    source = _source(tokens)
    if source == JOBS and columns:
        raise refuse("of devices.jobs there is only SELECT *", tokens.next.position)
    _alias(tokens)
    condition = expressions.condition() if tokens.accept("where") else None
    group = None
    if tokens.is_next("group"):
        if not columns:
            raise refuse("GROUP BY needs columns, not *", tokens.next.position)
        tokens.take()
        tokens.expect("by")
        group = expressions.path()
    if tokens.next.kind != "end":
        raise refuse(f"unexpected {tokens.next.text[:32]!r}", tokens.next.position)
    query = Query(top, columns, condition, group, source)
    if query.aggregates:
        _check_grouped(query)
    return query


def parse_condition(text: str) -> Query:
    """What a job or a configuration is meant for: ``*``, a condition, or ``FROM source [WHERE condition]``.

    The answer asks for whole rows. 400004 naming the position.
    """
    tokens = Tokens(text)
    expressions = Expressions(tokens)
    source, condition = DEVICES, None
    if tokens.accept("from"):
        source = _source(tokens)
        _alias(tokens)
        condition = expressions.condition() if tokens.accept("where") else None
    elif not tokens.accept("*"):
        condition = expressions.condition()
    if tokens.next.kind != "end":
        raise refuse(f"unexpected {tokens.next.text[:32]!r}", tokens.next.position)
    return Query(None, (), condition, None, source)


def _source(tokens: Tokens) -> str:
    tokens.expect("devices")
    if not tokens.accept("."):
        return DEVICES
    what = tokens.take()
    source = f"{DEVICES}.{what.text.lower()}"
    if source not in SOURCES:
        raise refuse("expected modules or jobs", what.position)
    return source


def _check_distinct(tokens: Tokens) -> None:
    # Only before a column; alone it is a property's name.
    if tokens.is_next("distinct") and not any(map(tokens.follows, (",", ".", "[", "from", "as"))):
        raise refuse(
            "DISTINCT is not of IoT Hub's language; GROUP BY lists each value once", tokens.next.position
        )


def _alias(tokens: Tokens) -> None:
    """The name after FROM devices, which the expressions know already."""
    named = tokens.accept("as")
    token = tokens.next
    if token.kind == "word" and token.text.lower() not in KEYWORDS:
        tokens.take()
    elif named:
        raise refuse("AS needs a name", token.position)


def _top(tokens: Tokens) -> int:
    bracket = tokens.accept("(")
    token = tokens.take()
    if token.kind != "number" or not isinstance(token.value, int) or token.value < 1:
        raise refuse("TOP needs a whole number from 1", token.position)
    if bracket:
        tokens.expect(")")
    return token.value


def _columns(tokens: Tokens, expressions: Expressions) -> tuple[Column, ...]:
    columns: list[Column] = []
    while not columns or tokens.accept(","):
        begin = tokens.next
        aggregate, node = _column(tokens, expressions)
        name = _name(tokens, begin, aggregate, node)
        if name in (column.name for column in columns):
            raise refuse(f"there are two columns {name[:32]!r}; name them with AS", begin.position)
        if len(columns) == MAX_COLUMNS:
            raise refuse(f"a query may have {MAX_COLUMNS} columns", begin.position)
        columns.append(Column(name, node, aggregate))
    return tuple(columns)


def _column(tokens: Tokens, expressions: Expressions) -> tuple[str | None, Node | None]:
    begin = tokens.next
    aggregate = begin.text.lower() if begin.kind == "word" else ""
    if aggregate not in AGGREGATES or not tokens.follows("("):
        return None, expressions.sum()
    tokens.take()
    tokens.expect("(")
    node = None if tokens.is_next(")") and aggregate == "count" else expressions.sum()
    tokens.expect(")")
    return aggregate, node


def _name(tokens: Tokens, begin: Token, aggregate: str | None, node: Node | None) -> str:
    if tokens.accept("as"):
        token = tokens.take()
        if (token.kind in ("string", "name") and token.value) or (
            token.kind == "word" and token.text.lower() not in KEYWORDS
        ):
            return token.value or token.text
        raise refuse("AS needs a name", token.position)
    if aggregate:
        return aggregate
    if node is not None and node.path is not None:
        return node.path[-1]
    raise refuse("this column needs a name: AS name", begin.position)


def _check_grouped(query: Query) -> None:
    for column in query.columns:
        node = column.node
        if column.aggregate or node is None:
            continue
        if query.group is None or node.path != query.group.path:
            raise refuse(
                f"the column {column.name[:32]!r} is neither an aggregate nor what the query is grouped by",
                node.position,
            )
