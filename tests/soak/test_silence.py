"""Real devices on a line that falls silent: LED, sampling and console go on while they wait for it.

The exact bounds are held in virtual time (tests/runtime/silence.py). Here the order of things is
judged, which no slow computer changes; the long form tells the figures.
"""

import datetime
import json
import queue
import socket
import time

import pytest
from support import ROOT

from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.fault_proxy import FaultProxy
from twinkle_host.mock_gpio.process import PICO_MODULES, DeviceProcess
from twinkle_host.waiting import PATIENCE_S, eventually, last

LONGER = 11
BLACK_HOLE_S, STALL_S = 90, 30  # in the long form
PERIOD_S, BLINK_S = 2, 1
ATTEMPTS = 3
DEVICES = {
    "desktop": ("cpython", "desktop", {}),
    "pico_w": ("micropython", "pico_w", {"led": {"pin": 16, "pwm": True}}),
}


class Device:
    """One device that blinks and samples, on a line of its own."""

    def __init__(self, kind, name, hub, line, folder):
        interpreter, base, own = DEVICES[kind]
        self.hub, self.line, self.name, self.times = hub, line, name, []
        text = f"{hub.add(self.name)};Port={line.port}"
        with open(hub.info["caFile"], "rb") as file:
            self.process = DeviceProcess(
                *(interpreter, folder, text, file.read(), {**own, "telemetry": {"capacity": 200}}),
                base=base,
                wifi={"ssid": "home", "password": "a secret of the house"},
                heap="192k",  # compiled here
                before=[PICO_MODULES] if kind == "pico_w" else [],
                apps=[ROOT / "tests" / "device"],
            )
        self._stop = hub.call("listen", self._note)
        self._guest = None

    def _note(self, event):
        if event["source"] == "Telemetry" and event["deviceId"] == self.name:
            self.times.append(event["systemProperties"]["iothub-creation-time-utc"])

    def start(self):
        """Up to a device that blinks and samples."""
        self.process.start().wait_for(" ready")
        desired = {"configId": 2, "sendFrequency": f"{PERIOD_S}s"}
        self.hub.call("patch_twin", self.name, {"properties": {"desired": desired}})
        self.hub.until_reported(self.name, configId=2, status="Success")
        outcome = queue.Queue()
        self.hub.call("invoke", self.name, "blink", BLINK_S, done=outcome.put)
        assert outcome.get(timeout=PATIENCE_S).status == 200
        self.settled()

    def settled(self):
        """Until there is a link, and nothing waits."""
        eventually(lambda: (s := self.status())["link"] == "ready" and s["queue"] == 0)

    def status(self):
        """What its console answers."""
        line = "status --json"
        if self.process.socket is None:
            return json.loads(self.process.ask(line)[-1])["result"]
        if self._guest is None:
            self._guest = socket.socket(socket.AF_UNIX)
            self._guest.connect(str(self.process.socket))
            self._guest.settimeout(PATIENCE_S)
        self._guest.sendall(line.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += self._guest.recv(4096)
        return json.loads(answer)["result"]

    def edges(self):
        """When the LED has changed, in milliseconds of the device's own."""
        return [entry["ms"] for entry in self.process.pins()]

    def silence(self, handshake):
        """Let nothing pass, from a publish or from a new connection's handshake on."""
        self.line.stalled = True
        if handshake:
            self.line.cut()
            eventually(lambda: self.status()["link"] == "connecting")
        else:
            eventually(lambda: self.status()["queue"] > 0)

    def end(self):
        self._stop()
        if self._guest:
            self._guest.close()
        self.process.stop()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


@pytest.fixture(params=DEVICES)
def device(request, hub, tmp_path):
    with FaultProxy(hub.info["mqttPort"]) as line:
        made = Device(request.param, f"{request.param}-{tmp_path.name[-3:]}", hub, line, tmp_path / "device")
        try:
            made.start()
            yield made
        finally:
            line.heal()
            made.end()


def goes_on(device, link):
    """Whether LED, sampling and console have gone on within one wait, in which the link is in this state."""
    before, edges = device.status(), len(device.edges())
    eventually(lambda: len(device.edges()) >= edges + 4)
    eventually(lambda: device.status()["queue"] >= before["queue"] + 2)
    after = device.status()
    return before["link"] == after["link"] == link and before["losses"] == after["losses"]


@pytest.mark.parametrize("handshake", [False, True], ids=["publish", "handshake"])
def test_while_the_line_is_waited_for_the_led_blinks_samples_are_taken_and_the_console_answers(
    device, handshake, pytestconfig, measured
):
    for _ in range(ATTEMPTS):
        device.silence(handshake)
        if goes_on(device, "connecting" if handshake else "ready"):
            break
        device.line.heal()
        device.settled()
    else:
        pytest.fail("not once was all of it seen between two losses of the link")
    if pytestconfig.getoption("soak"):
        measured(stay_silent(device, STALL_S if handshake else BLACK_HOLE_S))


def stay_silent(device, seconds):
    """Let the silence last, and count what is seen in so many seconds of it; a line that tells."""
    begun, utc, edges, took = time.monotonic(), time.time(), len(device.edges()), []
    while time.monotonic() - begun < seconds:
        asked = time.monotonic()
        device.status()
        took.append(time.monotonic() - asked)
        last(0.2)
    end = time.time()
    shown = device.edges()[edges:]
    losses = device.status()["losses"]
    device.line.heal()
    device.settled()
    taken = [moment for moment in map(utc_of, device.times) if utc <= moment <= end]
    late = [shown[at] - shown[at - 1] - BLINK_S * 500 for at in range(1, len(shown))]
    assert len(device.times) == len(set(device.times)), "a sample was sent twice"
    # Half of what a computer with nothing else to do shows.
    assert len(shown) >= seconds / BLINK_S and len(taken) >= seconds / PERIOD_S / 2
    return (
        f"{device.name}, {seconds} s of silence, {losses} losses: {len(shown)} LED edges, the latest {max(late)} ms "
        f"late; {len(taken)} samples; {len(took)} answers on the console, the slowest after {max(took) * 1000:.0f} ms"
    )


def utc_of(text):
    """Seconds since 1970."""
    return datetime.datetime.fromisoformat(text).timestamp()
