"""Listening to a board's serial line."""

from twinkle_host.waiting import eventually


def heard(line, until):
    """What comes until this does, this included."""
    text = ""

    def came():
        nonlocal text
        text += line.read().decode(errors="replace")
        return until in text

    eventually(came, told=lambda: f"{until!r} in {text!r}")
    return text
