"""The overview in a browser: from the first visit to a live curve."""

import functools
import http.server
import json
import logging
import threading

import pytest
from playwright.sync_api import expect


def card_of(page, device_id):
    return page.locator("device-card", has=page.get_by_role("link", name=device_id, exact=True))


def test_from_the_first_visit_to_a_live_curve(new_hub, new_page):
    hub, page = new_hub, new_page
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


def test_a_device_that_comes_leaves_the_keyboard_where_it_is(new_hub, new_page):
    """It is put into its place among the cards; none of the others is taken out and put in again."""
    new_hub.add("kitchen")
    new_hub.add("shed")
    link = new_page.get_by_role("link", name="shed")
    link.focus()
    new_hub.add("attic")
    expect(new_page.locator("device-card h2")).to_have_text(["attic", "kitchen", "shed"])
    expect(link).to_be_focused()
    new_hub.call("delete_device", "kitchen")
    expect(new_page.locator("device-card h2")).to_have_text(["attic", "shed"])
    new_page.keyboard.press("Enter")
    expect(new_page.get_by_role("heading", level=1)).to_have_text("shed")


def test_a_browser_without_the_token_gets_nothing(hub, window):
    answer = window.goto(hub.info["pageUrl"])
    assert answer.status == 401
    expect(window.get_by_role("heading")).to_have_text("Not open to you yet")
    assert window.evaluate("document.scripts.length") == 0


def test_an_id_may_hold_whatever_ids_may_hold(hub, page):
    name = "a#b%2F?'c=d"
    hub.add(name)
    page.goto(hub.info["pageUrl"])
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    hub.keep(name, b'{"temp": 4}')
    expect(page.locator("figcaption .now")).to_have_text("4")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Disabled", exact=True)).to_be_visible()


@pytest.fixture
def other_site(tmp_path):
    """A page of another program on this computer, whose requests this computer's cookies go with."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Another site</title>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


POST = """async (place) => {
    const post = {method: "POST", mode: "no-cors", credentials: "include", body: '{"deviceId": "foreign"}'};
    await fetch(place + "api/devices", post).catch(() => null);
    return await fetch(place + "api/devices", {credentials: "include"}).then(() => "read", () => "not read");
}"""


def test_another_sites_page_in_the_same_browser_can_neither_post_nor_read(hub, page, other_site, caplog):
    before = hub.call("statistics")["totalDeviceCount"]
    caplog.set_level(logging.INFO, "twinkle.hub")
    page.goto(other_site)
    assert page.evaluate(POST, hub.info["pageUrl"]) == "not read"
    assert "refused a request: the request comes from a page of another site" in caplog.text
    assert hub.call("statistics")["totalDeviceCount"] == before
    page.goto(hub.info["pageUrl"])
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
