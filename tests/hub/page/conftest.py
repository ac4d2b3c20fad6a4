"""A browser that looks at a hub's page: Debian's Chromium without a window, driven by Playwright."""

import pytest
from playwright.sync_api import sync_playwright
from support import PRIVATE, need

from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def browser():
    """One browser, brought by set-up. While it is there its event loop counts as running, so it goes with the module."""
    program = need(PRIVATE / "chromium" / "bin" / "chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program)


@pytest.fixture
def window(browser):
    """A new window, without cookies; what goes wrong in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with its page."""
    with LiveHub(tmp_path_factory.mktemp("hub"), page_port=0) as live:
        yield live


@pytest.fixture
def page(hub, window):
    """The page, opened with the address that the hub prints."""
    window.goto(hub.server.page.ticket())
    window.wait_for_url(hub.info["pageUrl"])
    return window
