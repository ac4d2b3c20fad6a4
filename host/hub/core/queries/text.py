"""The query language's words: from text to tokens, each with its position."""

import re
from dataclasses import dataclass
from typing import Any

from ..errors import HubError
from .values import UNDEFINED

MAX_QUERY = 8192  # characters
MAX_NUMBER = 64  # characters of one number

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<name>\[\[[^\]]+\]\])
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|\[|\]|,|\.|\*|\+|-|/|%)
    """,
    re.VERBOSE | re.DOTALL,
)
# Words of the grammar, in lower case. In a path they stand in double brackets: tags.[[group]].
KEYWORDS = frozenset({"select", "top", "from", "where", "and", "or", "not", "in", "nin", "group", "by", "as"})
LITERALS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name in double brackets, number, string or sign; ``end`` is the last kind.

    ``value``: of a literal, and what a name is.
    """

    kind: str
    text: str
    position: int
    value: Any = None


def refuse(message: str, position: int) -> HubError:
    """400004 that names the position (characters from 0)."""
    return HubError("ArgumentInvalid", f"The query is refused at position {position}: {message}.")


def tokens_of(text: str) -> list[Token]:
    """All tokens, with an ``end`` token last."""
    if not isinstance(text, str) or len(text) > MAX_QUERY:
        raise HubError("ArgumentInvalid", f"The query must be text of at most {MAX_QUERY} characters.")
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            quote = text[position] in "'\""
            what = "the string has no end" if quote else f"{text[position]!r} is not part of the language"
            raise refuse(what, position)
        kind, word = str(match.lastgroup), match.group()
        if kind == "number":
            if len(word) > MAX_NUMBER:
                raise refuse(f"a number may have {MAX_NUMBER} characters", position)
            tokens.append(Token(kind, word, position, _number(word)))
        elif kind == "string":
            tokens.append(Token(kind, word, position, _ESCAPE.sub(_unescape, word[1:-1])))
        elif kind == "name":
            tokens.append(Token(kind, word, position, word[2:-2]))
        elif kind != "space":
            tokens.append(Token(kind, word, position))
        position = match.end()
    tokens.append(Token("end", "the end", len(text)))
    return tokens


def _number(word: str) -> int | float:
    if word[:2] in ("0x", "0X"):
        return int(word, 16)
    return float(word) if any(c in ".eE" for c in word) else int(word)


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)


class Tokens:
    """The tokens of a query, read one after the other. Words are compared in any case."""

    def __init__(self, text: str):
        self._tokens = tokens_of(text)
        self._at = 0

    @property
    def next(self) -> Token:
        """The token to come; at the end always the ``end`` token."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The token to come, which is then behind."""
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def is_next(self, text: str) -> bool:
        """Whether this word or sign comes next."""
        token = self.next
        if token.kind == "word":
            return token.text.lower() == text
        return token.kind == "sign" and token.text == text

    def follows(self, text: str) -> bool:
        """Whether this word or sign comes after the next token."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)].text.lower() == text

    def source(self) -> tuple[str, str | None]:
        """What is asked, and what the query calls it, by ``FROM source [AS] name``, wherever it has been read to."""
        words = [token.text.lower() for token in self._tokens]
        for at in range(len(words) - 2):
            if words[at : at + 2] == ["from", "devices"]:
                last = at + 2 if words[at + 2] == "." else at
                token = self._tokens[min(last + 2 + (words[last + 2 : last + 3] == ["as"]), len(words) - 1)]
                named = token.kind == "word" and token.text.lower() not in KEYWORDS
                return "".join(words[at + 1 : last + 2]), token.text if named else None
        return "devices", None

    def accept(self, text: str) -> bool:
        """Take this word or sign if it comes next."""
        if self.is_next(text):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take this word or sign; 400004 when something else comes."""
        if not self.accept(text):
            raise refuse(f"expected {text.upper()}, found {self.next.text[:32]!r}", self.next.position)
