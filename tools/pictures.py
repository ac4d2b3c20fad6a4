"""Takes the pictures of the hub's page: overview, device and board, light and dark, small enough to keep.

    pictures.py [FOLDER]     docs/pictures, unless another is named

Two boards really run; what the others send is put into the event log, a quarter of an hour of it.
"""

import base64
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from twinkle_host.hub.events.log import EventLog
from twinkle_host.hub.live import LiveHub
from twinkle_host.known_hubs import remember
from twinkle_host.paths import PRIVATE, ROOT
from twinkle_host.waiting import PATIENCE_S

TWINKLE = PRIVATE / "venv" / "bin" / "twinkle"
SIZE = {"width": 1200, "height": 760}
QUALITY = 82  # of WebP
LARGEST = 60_000  # bytes
MODEL = "dtmi:twinkle:Environment;1"
RUNNING = {"desk": [], "pico": ["--board", "pico_w", "--mock"]}
SPEAKING = {"greenhouse": (27, 62), "cellar": (13, 78), "attic": (31, 34), "workshop": (19, 48)}
PERIOD_S, WHILE_S = 15, 900


def spoken(state: Path) -> None:
    """Fill the event log with what devices would have sent in the last quarter of an hour."""
    log, now = EventLog(state / "events.sqlite", 86400, 1 << 28), time.time()
    for step in range(WHILE_S // PERIOD_S):
        utc = now - WHILE_S + step * PERIOD_S
        for number, (name, (warm, damp)) in enumerate(SPEAKING.items()):
            wave = math.sin(step / 7 + number * 2) + 0.3 * math.sin(step * 1.7 + number)
            body = {"temp": round(warm + wave, 1), "humid": round(damp - 4 * wave, 1)}
            log.append(
                name,
                {"iothub-message-source": "Telemetry", "iothub-connection-device-id": name},
                {},
                json.dumps(body).encode(),
                utc,
            )
    log.commit()
    log.close()


def registered(hub: LiveHub) -> None:
    """The devices that only speak, with what they would have reported."""
    for name in SPEAKING:
        hub.add(name)
        twin = hub.server.hub.devices.find(name).twin
        twin.model_id = MODEL
    wanted = {"properties": {"desired": {"configId": 4, "sendFrequency": "15s"}}}
    hub.call("patch_twin", "cellar", wanted)


@contextlib.contextmanager
def boards():
    """Boards that run."""
    processes = [
        subprocess.Popen([TWINKLE, "run", name, *more], stdout=subprocess.PIPE, text=True)
        for name, more in RUNNING.items()
    ]
    try:
        for process in processes:
            for line in process.stdout:
                if " ready" in line:
                    break
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def take(page, folder: Path, name: str, scheme: str) -> None:
    """One picture, as WebP, which is a third of PNG."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    session = page.context.new_cdp_session(page)
    picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    data = base64.b64decode(picture["data"])
    assert len(data) < LARGEST, f"{name} has {len(data)} bytes"
    (folder / f"page-{name}-{scheme}.webp").write_bytes(data)
    print(f"page-{name}-{scheme}.webp {len(data)} bytes")


def main(folder: Path) -> None:
    """All six."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_S * 1000)
    with tempfile.TemporaryDirectory() as work:
        os.environ["XDG_STATE_HOME"] = work
        state = Path(work, "hub")
        state.mkdir()
        spoken(state)
        with LiveHub(state, page_port=0) as hub, sync_playwright() as playwright:
            registered(hub)
            remember(state)
            with boards():
                browser = playwright.chromium.launch(
                    executable_path=PRIVATE / "chromium" / "bin" / "chromium"
                )
                page = browser.new_page(viewport=SIZE)
                page.goto(hub.server.page.ticket())
                page.wait_for_url(hub.info["pageUrl"])
                pictures(page, hub, folder)
                browser.close()


def pictures(page, hub: LiveHub, folder: Path) -> None:
    """What is done to have something to see, and the pictures of it."""
    for name in RUNNING:
        hub.call("patch_twin", name, {"properties": {"desired": {"configId": 2, "sendFrequency": "1s"}}})
    page.goto(f"{hub.info['pageUrl']}#/device/desk/board")
    slider = page.get_by_label("Temperature")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    for step in range(60):  # a warm hand on the sensor
        slider.fill(f"{22 + 3 * math.sin(step / 9):.1f}")
        page.wait_for_timeout(500)
    hub.call("patch_twin", "desk", {"properties": {"desired": {"brightness": 2, "fan": {"speed": 3}}}})
    hub.call("patch_twin", "pico", {"properties": {"desired": {"configId": 3, "sendFrequency": "soon"}}})
    for line in ("status", "call turnon"):
        page.get_by_label("Type at the console").fill(line)
        page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("row", name="brightness")).to_contain_text("same")
    expect(page.get_by_role("list", name="Pins")).to_contain_text("50 %")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    for scheme in ("light", "dark"):
        take(page, folder, "board", scheme)
    page.get_by_role("link", name="Telemetry").click()
    expect(page.get_by_role("img", name="humid")).to_be_visible()
    for scheme in ("light", "dark"):
        take(page, folder, "device", scheme)
    page.get_by_role("link", name="Devices", exact=True).click()
    expect(page.locator("small-curve")).to_have_count(12)
    for scheme in ("light", "dark"):
        take(page, folder, "overview", scheme)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
