"""What simulated devices were given in secret, and all that they said.

Whoever runs a device here tells the secrets it gives and notes what the device
printed, answered, reported or wrote. At the end of a test run nothing of the one may
be found in the other, whichever device it was.
"""

from collections.abc import Iterator

TOKEN = "SharedAccessSignature sr="  # the beginning of every SAS token
SHORTEST = 8  # characters: shorter ones would be found by chance

_secrets = {TOKEN}
_said: list[tuple[str, str]] = []


def keep_secret(*texts: str | None) -> None:
    """These must not be said; of a connection string, its key."""
    for text in filter(None, texts):
        secret = text.partition("SharedAccessKey=")[2].partition(";")[0] or text
        if len(secret) >= SHORTEST:
            _secrets.add(secret)


def note(who: str, text: str) -> None:
    """This was said by, or is written in, ``who``."""
    _said.append((who, text))


def found() -> Iterator[str]:
    """Where a secret was said, a sentence each; without the secret."""
    for who, text in _said:
        hits = [text.index(secret) for secret in _secrets if secret in text]
        if hits:
            line = text.count("\n", 0, min(hits)) + 1
            yield f"{who} says a secret in line {line} of what was noted"


def summary() -> str:
    """How much was searched for how many secrets."""
    return f"{len(_said)} texts of {sum(len(text) for _, text in _said)} characters, {len(_secrets)} secrets"
