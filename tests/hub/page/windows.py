"""What is asked of a window of the browser, and the devices that are looked at in it."""

import contextlib
import subprocess

from axe_playwright_python.sync_playwright import Axe
from support import TWINKLE, need

from twinkle_host.known_hubs import remember
from twinkle_host.waiting import PATIENCE_S

SERIOUS = ("serious", "critical")  # axe-core's words for what keeps people out


def serious(page):
    """What axe-core finds in it that keeps people out: rule, explanation and element."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["help"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]


def width(page):
    """How many pixels wide its content is."""
    return page.evaluate("document.documentElement.scrollWidth")


def opened(hub, window):
    """The window, with the hub's page in it, as the address that the hub prints opens it."""
    window.goto(hub.server.page.ticket())
    window.wait_for_url(hub.info["pageUrl"])
    return window


def focused(page):
    """What the keyboard is at, as a person would read it out; nothing where it is at the page itself."""
    return page.evaluate("document.activeElement === document.body ? '' : document.activeElement.innerText")


def held(page, pattern):
    """Hold the page's requests of this address; what is returned lets them go."""
    requests, are_let = [], []
    page.route(pattern, lambda route: route.continue_() if are_let else requests.append(route))

    def let():
        are_let.append(True)
        for route in requests:
            route.continue_()

    return let


@contextlib.contextmanager
def started(hub, device_id, *options):
    """``twinkle run`` with this device of the hub, from its ready line on."""
    remember(hub.settings.state)
    command = [need(TWINKLE), "run", device_id, *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if " ready" in line:
                break
        assert said and " ready" in said[-1], "".join(said)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
