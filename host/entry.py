"""The command ``twinkle`` from its first moment: what it is made of takes a good part of a second to load."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it in a line while it is being loaded, too."""
    try:
        from .cli import main
    except KeyboardInterrupt:
        from .failure import FAILED, Failure, tell

        tell(Failure("ended by you"))
        sys.exit(FAILED)
    main()
