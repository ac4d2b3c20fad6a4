"""``twinkle hub`` without its log of events, so that it can be told what the log costs."""

from twinkle_host.hub import server
from twinkle_host.hub.command import hub


class Hub(server.Hub):
    """Keeps no event: nothing waits for a commit, and a message is acknowledged at once."""

    def __init__(self, *arguments):
        super().__init__(*arguments[:6])


if __name__ == "__main__":
    server.Hub = Hub
    hub()
