"""A browser that looks at a hub's page: Debian's Chromium without a window, driven by Playwright."""

import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from support import PRIVATE, need, own_port

sys.path.insert(0, str(Path(__file__).parent))

from windows import opened, started

from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S

expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="module")
def browser():
    """One browser, brought by set-up. It goes with the module: while it is there its event loop counts as running."""
    program = need(PRIVATE / "chromium" / "bin" / "chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program)


# Says in the console what had the keyboard's focus when nothing has it any more, though nobody let go of it.
WATCH = """
    let had = null;
    addEventListener("focusin", (event) => { had = event.target; });
    addEventListener("pointerdown", () => { had = null; }, true);
    (function look() {
        if (had && document.activeElement === document.body) {
            console.error(`The keyboard was lost at ${had.outerHTML.slice(0, 200)}`);
            had = null;
        }
        requestAnimationFrame(look);
    })();
"""
SAID = ("Content Security Policy", "The keyboard was lost")  # of what a console may say, what fails a test


@pytest.fixture
def window(browser):
    """A new window, without cookies; what goes wrong in its scripts fails the test, and a focus that is lost."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    page.add_init_script(WATCH)
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: troubles.append(message.text) if any(map(message.text.__contains__, SAID)) else None,
    )
    yield page
    context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with its page, which is where it was if the hub is stopped and started."""
    with own_port() as port, LiveHub(tmp_path_factory.mktemp("hub"), page_port=port) as live:
        yield live


@pytest.fixture
def new_hub(tmp_path):
    """Another one, to which nothing has happened, for a test that says how a hub begins or ends."""
    with own_port() as port, LiveHub(tmp_path / "hub", page_port=port) as live:
        yield live


@pytest.fixture
def page(hub, window):
    """The page, opened with the address that the hub prints."""
    return opened(hub, window)


@pytest.fixture
def new_page(new_hub, window):
    """The page of the hub to which nothing has happened."""
    return opened(new_hub, window)


@pytest.fixture(scope="module")
def desk(hub):
    """A device that runs on this computer, on the mock board, as ``twinkle run desk`` starts it."""
    with started(hub, "desk"):
        yield "desk"
