"""The overview in a browser: from the first visit to a live curve."""

import json

from playwright.sync_api import expect


def card_of(page, device_id):
    return page.locator("device-card", has=page.get_by_role("link", name=device_id, exact=True))


def test_from_the_first_visit_to_a_live_curve(hub, page):
    expect(page.get_by_text("No devices yet")).to_be_visible()
    page.get_by_label("New device").fill("kitchen")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/#/device/kitchen")
    page.get_by_role("link", name="Devices", exact=True).click()
    card = card_of(page, "kitchen")
    expect(card).to_contain_text("Never connected")
    hub.keep("kitchen", json.dumps({"temp": 21.5}).encode())
    expect(card.locator("small-curve")).to_contain_text("21.5")
    hub.keep("kitchen", json.dumps({"temp": 22.25}).encode())
    expect(card.locator("small-curve")).to_contain_text("22.25")
    page.reload()
    expect(card.locator("small-curve")).to_contain_text("22.25")
    assert card.locator("path.line").get_attribute("d").count("L") == 1, "both points, from the log"


def test_a_browser_without_the_token_gets_nothing(hub, window):
    answer = window.goto(hub.info["pageUrl"])
    assert answer.status == 401
    expect(window.get_by_role("heading")).to_have_text("Not open to you yet")
    assert window.evaluate("document.scripts.length") == 0
