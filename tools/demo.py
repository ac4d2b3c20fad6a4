"""The demonstration: a local hub and a device on the mock board, over verified TLS.

Every step is checked at the place where it must have happened: telemetry and
reported properties at the hub, the LED at the board's pin, the reboot in the
process. The exit status is 0 only when all of them did.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from twinkle_host.failure import Failure
from twinkle_host.mock_gpio.pin_record import recorded
from twinkle_host.run import VARIABLE
from twinkle_host.service.hub import Hub
from twinkle_host.service.reading import events

DEVICE = "demo"
CONFIG = {"configId": 3, "sendFrequency": "2s"}
LEAST_SECONDS = 8
NEXT = """
What next? In this folder:
  export PATH=$PWD/.twinkle/venv/bin:$PATH
  twinkle hub &            a hub that stays
  twinkle run desk &       this device on it
  twinkle monitor          what it sends
  twinkle new kitchen      an application of your own: docs/first-app.md
  twinkle --help           the rest"""
STEP_S = 15.0  # no step takes longer on a computer that works


class StepFailed(Exception):
    """A step did not happen."""


class Demo:
    """The hub, the device, and what has been seen of them."""

    def __init__(self, folder: Path, interpreter: str):
        self.folder = folder
        self.interpreter = interpreter
        self.begun = time.monotonic()
        self.seen: queue.Queue[tuple[str, object]] = queue.Queue()
        self.telemetry = 0
        self.marks: list[tuple[str, str]] = []
        self._processes: list[subprocess.Popen] = []

    def tell(self, who: str, text: str) -> None:
        """One line of the show."""
        click.echo(f"{time.monotonic() - self.begun:6.1f} s  {click.style(f'{who:<8}', bold=True)} {text}")

    def passed(self, step: str, detail: str) -> None:
        """A step has truly happened."""
        self.marks.append((step, detail))
        self.tell("✓", click.style(f"{step}: {detail}", fg="green"))

    # --- the two processes

    def start_hub(self) -> None:
        """Bring up the hub and register the device."""
        command = [
            "hub",
            "--state",
            str(self.folder / "hub"),
            "--port",
            "0",
            "--rest-port",
            "0",
            "--amqp-port",
            "0",
            "--route",
            "all",
            "--json",
            "--quiet",
        ]
        process = self._start(command, {})
        line = process.stdout.readline()
        if not line:
            raise StepFailed("the hub did not start; its message stands above")
        info = json.loads(line)
        self.hub = Hub(
            info["serviceConnectionString"],
            info["caFile"],
            info["mqttPort"],
            info["eventHubConnectionString"],
            info["amqpPort"],
        )
        self.tell(
            "hub", f"{info['host']}, MQTT over TLS on {info['mqttPort']}, REST over TLS on {info['restPort']}"
        )
        threading.Thread(target=self._watch_hub, daemon=True).start()
        with self.hub.registry() as registry:
            self.registry = registry
            made = registry.create_device_with_sas(DEVICE, None, None, "enabled")
        key = made.authentication.symmetric_key.primary_key
        self.connection_string = self.hub.device_connection_string(DEVICE, key)
        self.tell("hub", f"device {DEVICE} is registered")

    def start_device(self) -> None:
        """Start ``twinkle run`` on the desktop board."""
        command = ["run", "--state", str(self.folder / "device"), "--ca-file", self.hub.ca_file]
        command += ["--interpreter", self.interpreter]
        if self.interpreter == "micropython":
            command += ["--heap", "128k"]
        process = self._start(command, {VARIABLE: self.connection_string})
        threading.Thread(target=self._watch_device, args=(process,), daemon=True).start()

    def stop(self) -> None:
        """End both, the device first, so that it can say good-bye."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("twinkle"), *command],
            env={**os.environ, "XDG_STATE_HOME": str(self.folder), **environment},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    # --- what is seen

    def _watch_hub(self) -> None:
        try:
            for event in events(self.hub):
                self.seen.put((event["source"], event))
        except Failure as failure:
            self.seen.put(("hub", failure.message))

    def _watch_device(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            self.seen.put(("device", line.rstrip("\n")))
        self.seen.put(("ended", process.wait()))

    def watch(self, seconds: float, wanted=None):
        """Show what comes for up to ``seconds``; ends early with what ``wanted(source, thing)`` accepts."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                source, thing = self.seen.get(timeout=left)
            except queue.Empty:
                return None
            self._show(source, thing)
            if wanted and (found := wanted(source, thing)):
                return found
        return None

    def expect(self, what: str, wanted):
        """Watch until it happens; StepFailed when it does not."""
        found = self.watch(STEP_S, wanted)
        if not found:
            raise StepFailed(f"{what} did not happen within {STEP_S:.0f} s")
        return found

    def _show(self, source: str, thing) -> None:
        if source == "Telemetry":
            self.telemetry += 1
            self.tell("hub", f"telemetry {json.dumps(thing['body'])}")
        elif source == "twinChangeEvents":
            reported = members(thing, "reported")
            if reported:
                self.tell("hub", f"reported  {json.dumps(reported)}")
        elif source == "device":
            self.tell("device", thing)
        elif source == "ended":
            raise StepFailed(f"the device ended with status {thing}")
        elif source == "hub":
            raise StepFailed(f"the hub's event stream ended: {thing}")

    def led(self) -> list[float]:
        """The levels at the mock board's pin, in their order."""
        return [entry["led"] for entry in recorded(self.folder / "device" / "pins.jsonl")[0]]

    def call(self, name: str) -> None:
        """Call a direct method; it must answer 200."""
        from azure.iot.hub.models import CloudToDeviceMethod

        begun = time.monotonic()
        with self.hub.registry() as registry:
            answer = registry.invoke_device_method(DEVICE, CloudToDeviceMethod(method_name=name))
        took = (time.monotonic() - begun) * 1000
        self.tell(
            "service", f"method {name} answered {answer.status} {json.dumps(answer.payload)} in {took:.0f} ms"
        )
        if answer.status != 200:
            raise StepFailed(f"method {name} answered {answer.status}")

    # --- the story

    def show_telemetry(self) -> None:
        """The first message reaches the hub."""
        event = self.expect("telemetry", lambda source, thing: source == "Telemetry" and thing)
        self.passed("telemetry", f"{json.dumps(event['body'])} at the hub {self.since:.1f} s after the start")

    def show_configuration(self) -> None:
        """A configuration goes pending, applied, reported."""
        from azure.iot.hub.models import Twin, TwinProperties

        self.tell("service", f"desired {json.dumps(CONFIG)}")
        with self.hub.registry() as registry:
            registry.update_twin(DEVICE, Twin(properties=TwinProperties(desired=CONFIG)))
        self.expect(
            "Pending", lambda source, thing: members(thing, "reported").get("pendingConfig") == CONFIG
        )
        self.expect("Success", lambda source, thing: members(thing, "reported").get("status") == "Success")
        with self.hub.registry() as registry:
            reported = registry.get_twin(DEVICE).properties.reported
        if {name: reported.get(name) for name in CONFIG} != CONFIG:
            raise StepFailed(f"the twin reports {reported}")
        stored = json.loads((self.folder / "device/state/config.json").read_text().splitlines()[0])
        if stored != CONFIG:
            raise StepFailed(f"the device has stored {stored}")
        self.passed("configuration", f"pending → stored → applied → reported {json.dumps(stored)}")

    def show_led(self) -> None:
        """A method lights the LED, seen at the pin."""
        self.call("turnon")
        if self.led()[-1:] != [1.0]:
            raise StepFailed(f"the LED's levels are {self.led()}")
        self.passed("LED", "lit by the method turnon, seen at the mock board's pin")

    def show_reboot(self) -> None:
        """The device restarts and reports when."""
        self.call("rebootDevice")
        self.expect("the reset", lambda source, thing: source == "device" and "reset: " in thing)
        self.expect("coming back", lambda source, thing: source == "device" and " ready" in thing)
        when = self.expect("rebootTime", lambda source, thing: members(thing, "reported").get("rebootTime"))
        self.passed("reboot", f"answered, restarted, and reported rebootTime {when}")

    @property
    def since(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun


def members(event, section: str) -> dict:
    """The members of a twin change event's section; empty for anything else."""
    if not isinstance(event, dict) or event.get("source") != "twinChangeEvents":
        return {}
    changed = event["body"].get("properties", {}).get(section, {})
    return {name: value for name, value in changed.items() if not name.startswith("$")}


@click.command()
@click.option("--seconds", default=20.0, show_default=True, help="How long the show lasts, all in all.")
@click.option(
    "--interpreter", default="cpython", show_default=True, type=click.Choice(["cpython", "micropython"])
)
def main(seconds: float, interpreter: str) -> None:
    """Show a device's life against a local hub; exit 0 only if every step really happened."""
    steps = ("telemetry", "configuration", "LED", "reboot")
    if seconds < LEAST_SECONDS:
        click.echo(f"note: {seconds:.0f} s is short; every step is shown all the same", err=True)
    with tempfile.TemporaryDirectory(prefix="twinkle-demo-") as folder:
        demo = Demo(Path(folder), interpreter)
        trouble = ""
        try:
            demo.start_hub()
            demo.start_device()
            demo.show_telemetry()
            demo.show_configuration()
            demo.show_led()
            demo.show_reboot()
            demo.watch(seconds - demo.since)
        except (StepFailed, Failure) as failure:
            trouble = failure.message if isinstance(failure, Failure) else str(failure)
        except KeyboardInterrupt:
            trouble = "interrupted"
        finally:
            demo.stop()
    done = dict(demo.marks)
    click.echo(
        f"\nSummary ({interpreter}, {demo.since:.0f} s, {demo.telemetry} telemetry messages at the hub)"
    )
    for step in steps:
        click.echo(f"  {'✓' if step in done else '✗'} {step:<14} {done.get(step, 'did not happen')}")
    if len(done) == len(steps) and not trouble:
        click.echo(NEXT)
    if trouble:
        click.echo(f"twinkle demo: {trouble}", err=True)
    sys.exit(0 if len(done) == len(steps) and not trouble else 1)


if __name__ == "__main__":
    main()
