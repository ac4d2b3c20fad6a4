"""One device in a browser, beside a real one that runs: its telemetry, twin, methods, messages and events."""

import json

from playwright.sync_api import expect

from twinkle_host.hub.core.messages.telemetry import Message


def at(page, hub, part):
    page.goto(f"{hub.info['pageUrl']}#/device/desk/{part}")


def desired_box(page):
    box = page.get_by_label("Desired properties")
    expect(box).not_to_have_value("")
    return box


def desired(page, change):
    """Edit the desired properties as a person does: the JSON that is there, changed, and saved."""
    box = desired_box(page)
    document = json.loads(box.input_value())
    box.fill(json.dumps({**document, **change}, indent=2))
    page.get_by_role("button", name="Save").click()
    return box


def test_a_desired_edit_is_applied_and_its_telemetry_comes(hub, desk, page):
    at(page, hub, "twin")
    desired(page, {"configId": 2, "sendFrequency": "1s"})
    expect(page.get_by_text("Configuration 2 applied")).to_be_visible()
    row = page.get_by_role("row", name="sendFrequency")
    expect(row).to_contain_text("same")
    page.get_by_role("link", name="Telemetry").click()
    plot = page.get_by_role("img", name="temp:")
    expect(plot).to_be_visible()
    expect(page.locator("figcaption", has_text="temp")).to_contain_text("in °C")
    before = page.locator("telemetry-plot .soft").first.inner_text()
    expect(page.locator("telemetry-plot .soft").first).not_to_have_text(before)
    page.reload()
    expect(plot).to_be_visible()


def test_an_edit_that_the_hub_refuses_is_shown_at_its_place_and_nothing_is_lost(hub, desk, page):
    at(page, hub, "twin")
    box = desired(page, {"fan": {"speed.max": 3}})
    refusal = page.locator("#desired-refusal")
    expect(refusal).to_contain_text("speed.max")
    assert "speed.max" in box.input_value()
    selected = box.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    assert "speed.max" in selected or selected == '"fan"'
    box.fill('{"configId": 3,\n "sendFrequency" "1s"}')
    page.get_by_role("button", name="Save").click()
    expect(refusal).to_contain_text("line 2")
    page.get_by_role("button", name="Undo").click()
    expect(refusal).to_be_hidden()


def test_an_edit_that_loses_to_another_writer_overwrites_nothing(hub, desk, page):
    at(page, hub, "twin")
    box = page.get_by_label("Desired properties")
    expect(box).not_to_have_value("")
    box.fill(json.dumps({**json.loads(box.input_value()), "name": "mine"}))
    hub.call("patch_twin", "desk", {"properties": {"desired": {"room": "theirs"}}})
    expect(page.get_by_text("Somebody else has changed")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#desired-refusal")).to_be_visible()
    assert "name" not in hub.call("get_twin", "desk")["properties"]["desired"]
    page.get_by_role("button", name="Keep mine, on top of theirs").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="name")).to_contain_text("mine")
    wanted = hub.call("get_twin", "desk")["properties"]["desired"]
    assert (wanted["name"], wanted["room"]) == ("mine", "theirs")


def test_what_is_typed_while_it_is_saved_stays(hub, page):
    hub.add("slowly")
    page.goto(f"{hub.info['pageUrl']}#/device/slowly/twin")
    box = desired_box(page)

    def answer_late(route):
        answer = route.fetch()
        box.fill('{"level": 1, "more": 2}')
        expect(page.get_by_role("row", name="level")).to_be_visible()  # the page has heard of it meanwhile
        assert not page.get_by_text("Somebody else").is_visible()
        route.fulfill(response=answer)

    page.route("**/desired", answer_late, times=1)
    box.fill('{"level": 1}')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text("Saved")
    expect(box).to_have_value('{"level": 1, "more": 2}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="more")).to_contain_text("2")
    expect(page.locator("#desired-refusal")).to_be_hidden()
    wanted = hub.call("get_twin", "slowly")["properties"]["desired"]
    assert (wanted["level"], wanted["more"]) == (1, 2)


def test_a_method_has_the_form_of_its_model_or_free_json(hub, desk, page):
    at(page, hub, "methods")
    page.get_by_label("Method").select_option(label="blink: Blink the lamp")
    page.get_by_label("Period in seconds").fill("0.5")
    page.get_by_role("button", name="Call").click()
    answer = page.locator("method-form .answer")
    expect(answer).to_contain_text("Status 200")
    expect(answer).to_contain_text("Blinking LED every 0.5 seconds")
    page.get_by_label("Method").select_option(label="Any other, with free JSON")
    page.get_by_label("Name").fill("nothing")
    page.get_by_label("Payload, as JSON").fill("{")
    page.get_by_role("button", name="Call").click()
    expect(page.locator("method-form .refusal")).to_contain_text("not JSON")
    page.get_by_label("Payload, as JSON").fill("")
    page.get_by_role("button", name="Call").click()
    expect(answer).to_contain_text("Status 404")
    page.get_by_label("Method").select_option(label="turnoff: Put the lamp out")
    page.get_by_role("button", name="Call").click()
    expect(answer).to_contain_text("turnoff")


def test_what_happens_leaves_the_keyboard_where_it_is(hub, page):
    """An event comes in above the one that is read; a method's answer comes while its button has the keyboard."""
    hub.add("quiet")
    hub.keep("quiet", b'{"n": 1}')
    page.goto(f"{hub.info['pageUrl']}#/device/quiet/events")
    events = page.get_by_role("list", name="Events")
    first = events.locator("summary", has_text='{"n":1}')
    first.press("Enter")
    hub.keep("quiet", b'{"n": 2}')
    expect(events).to_contain_text('{"n":2}')
    expect(first).to_be_focused()
    page.evaluate("document.querySelector('event-list').load()")  # as after a while without the hub
    hub.keep("quiet", b'{"n": 3}')
    expect(events).to_contain_text('{"n":3}')
    expect(first).to_be_focused()
    expect(first.locator("xpath=..")).to_have_attribute("open", "")
    expect(events.locator("summary", has_text='{"n":')).to_have_count(3)
    page.goto(f"{hub.info['pageUrl']}#/device/quiet/methods")
    page.get_by_label("Name").fill("nothing")
    call = page.get_by_role("button", name="Call")
    call.press("Enter")
    expect(page.locator("method-form .refusal")).to_contain_text("not connected")
    expect(call).to_be_focused()


def test_what_the_log_does_not_keep_stays_between_what_it_keeps(hub, page):
    """Read anew, as after a while without the hub, the list is what it was; diagnostics are in no log."""
    hub.add("mixed")
    page.goto(f"{hub.info['pageUrl']}#/device/mixed/events")
    rows = page.get_by_role("list", name="Events").locator(".brief")
    expect(rows).to_have_text(["createDeviceIdentity"])
    for number in range(3):
        hub.keep("mixed", b'{"n": %d}' % number)
        hub.call("events.diagnostic", "mixed", "requestRefused", f"number {number}")
    lived = [
        *(text for n in (2, 1, 0) for text in (f"requestRefused: number {n}", f'{{"n":{n}}}')),
        "createDeviceIdentity",
    ]
    expect(rows).to_have_text(lived)
    page.evaluate("document.querySelector('event-list').load()")
    expect(rows).to_have_text(lived)
    hub.keep("mixed", b'{"n": 3}')
    expect(rows).to_have_text(['{"n":3}', *lived])


def test_what_a_module_says_is_told_from_what_its_device_says(hub, page):
    hub.add("gateway")
    hub.call("create_device", "gateway", {}, module_id="camera")
    camera, gateway = (hub.call("find", "gateway", name) for name in ("camera", None))

    def say(number):
        for device, temp in ((gateway, 20), (camera, 60)):
            message = Message({}, {}, json.dumps({"temp": temp + number}).encode())
            hub.call("events.telemetry", device, message, "{}")
        hub.keep("gateway")

    say(0)
    page.goto(f"{hub.info['pageUrl']}#/device/gateway")
    names = page.locator("figcaption .name")
    for number in range(2):
        expect(names).to_have_text(["camera/temp", "temp"])
        expect(page.locator("figcaption .now")).to_have_text([str(60 + number), str(20 + number)])
        say(1)
    page.get_by_role("link", name="Events").click()
    told = ['camera: {"temp":61}', '{"temp":21}', 'camera: {"temp":60}', '{"temp":20}']
    rows = page.get_by_role("list", name="Events").locator(".brief")
    expect(rows).to_contain_text([*told, "camera: createDeviceIdentity"])
    hub.call("events.connection_state", camera)
    expect(rows.first).to_have_text("camera: deviceDisconnected")
    page.reload()
    expect(rows.first).to_have_text("camera: deviceDisconnected")


def test_messages_and_events_and_the_ways_to_end_a_connection(hub, desk, page):
    at(page, hub, "methods")
    page.get_by_label("Message to the device").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#said")).to_have_text("Sent")
    page.get_by_role("link", name="Events").click()
    events = page.get_by_role("list", name="Events")
    page.get_by_role("button", name="Disconnect").click()
    expect(events).to_contain_text("deviceDisconnected")
    expect(events.get_by_text("deviceConnected").first).to_be_visible()  # it comes back by itself
    page.get_by_label("Connection", exact=True).uncheck()
    expect(events).not_to_contain_text("deviceDisconnected")
    assert "SharedAccessKey" not in page.content()
    page.get_by_role("button", name="Connection string").click()
    expect(page.get_by_label("Connection string")).to_have_value(
        f"{hub.call('connection_string', 'desk')};Port={hub.info['mqttPort']}"
    )
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Disable").last.click()
    expect(page.get_by_text("Disabled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_text("Disabled", exact=True)).to_be_hidden()
    assert hub.call("get_device", "desk")["status"] == "enabled"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Cancel").click()
    assert "desk" in [device["deviceId"] for device in hub.call("list_devices")]
