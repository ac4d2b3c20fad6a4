"""P8: what one process of the local hub bears, beside Mosquitto."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from .goals import MOSQUITTO, Measurement
from .hub_process import ADDRESS, HubProcess
from .load import NAME
from .mosquitto import Mosquitto
from .process_facts import cpu_seconds, resident_kb
from .samples import ratio, summarize
from .work import METHOD, PAYLOAD

ABOUT = """One process makes 1,000 TLS connections to `twinkle hub`, another to Mosquitto (no password check, no subscriber
to telemetry, the same certificate), and publishes telemetry of the same topic and body at QoS 1. First at one message a
second for each device: a device counts when every message was acknowledged within a second; meanwhile a service calls
methods of these devices. Then as much as the server takes: each device has 20 messages under way and sends another for
each that is acknowledged. Cost is the server's processor time for each of these. Memory is the growth of the resident
set from 10 connected devices to 1,000, before or after the load, whichever is more. Nobody monitors the hub's telemetry."""

FEW, MANY = 10, 1000
BULK = 100
HERE = Path(__file__).parent


def measure(bench) -> list[Measurement]:
    """Floods take turns: two of 5 s for each server, five of 15 s in the full form."""
    rounds, flood_s, pace_s = (2, 5, 12) if bench.quick else (5, 15, 60)
    key = base64.b64encode(os.urandom(32)).decode()
    cost_few, cost, rate, growth = ({"hub": [], MOSQUITTO: []} for _ in range(4))
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p8", port=0))
        _register(hub, key)
        certificate = hub.state / "ca" / "server.pem"
        broker = stack.enter_context(Mosquitto(bench.folder, certificate))
        servers = {"hub": hub, MOSQUITTO: broker}
        loads = {
            name: stack.enter_context(Load(server.port, hub.ca_file, key)) for name, server in servers.items()
        }
        bench.say(f"{FEW} devices")
        few = {}
        for name, load in loads.items():
            load.ask("connect", FEW)
            cost_few[name].append(load.flood(flood_s, servers[name].pid)[1])
            few[name] = resident_kb(servers[name].pid)
        for name, load in loads.items():
            bench.say(f"{name}: connecting {MANY} devices")
            load.ask("connect", MANY)
            growth[name].append((resident_kb(servers[name].pid) - few[name]) / (MANY - FEW))
        bench.say(f"hub: {MANY} devices, a message a second each, and methods")
        paced, methods = _pace(hub, loads["hub"], pace_s)
        growth["hub"].append((resident_kb(hub.pid) - few["hub"]) / (MANY - FEW))
        for number in range(rounds):
            for name, load in loads.items():
                bench.say(f"{name}: as much as it takes, {number + 1} of {rounds}")
                found = load.flood(flood_s, servers[name].pid)
                rate[name].append(found[0])
                cost[name].append(found[1])
    each = {name: summarize([max(values)], "KB") for name, values in growth.items()}
    rates = {name: summarize(values, "messages/s") for name, values in rate.items()}
    costs = {name: summarize(values, "µs") for name, values in cost.items()}
    small = summarize(cost_few["hub"], "µs")
    return [
        Measurement(
            *("P8", "connected devices, each with a message a second"),
            *(summarize([paced["inTime"]], "devices"), {}, paced["inTime"]),
        ),
        Measurement("P8", "a message's acknowledgement then, p99", summarize([1000 * paced["p99"]], "ms")),
        Measurement("P8", "a method's round trip then", summarize(methods, "ms")),
        Measurement(
            *("P8", "messages a second that the process sustains"),
            *(rates["hub"], {MOSQUITTO: rates[MOSQUITTO]}),
            ratio(rates["hub"].median, rates[MOSQUITTO].median),
        ),
        Measurement(
            *("P8", "processor time of the server for each of them"),
            *(costs["hub"], {MOSQUITTO: costs[MOSQUITTO]}),
            ratio(costs["hub"].median, costs[MOSQUITTO].median),
        ),
        Measurement(
            *("P8", "memory of the hub for each connected device"),
            *(each["hub"], {MOSQUITTO: each[MOSQUITTO]}, each["hub"].median),
        ),
        Measurement(
            *("P8", "cost of a message on the hub with 1,000 devices"),
            *(costs["hub"], {"with 10": small}, ratio(costs["hub"].median, small.median)),
        ),
    ]


class Load:
    """The process that loads a server, see the module load."""

    def __init__(self, port: int, ca_file: str, key: str):
        self._command = [sys.executable, "-m", "benchmark.load", ADDRESS, str(port), ca_file, key]

    def __enter__(self) -> "Load":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, what: str, amount: int) -> dict:
        """Have something done; what it says of it."""
        self._process.stdin.write(f"{what} {amount}\n")
        self._process.stdin.flush()
        return self._answer()

    def flood(self, seconds: int, pid: int) -> tuple[float, float]:
        """Messages a second, and microseconds of processor time of the server ``pid`` for each."""
        self.ask("flood", seconds)
        before = cpu_seconds(pid)
        told = self._answer()
        spent = cpu_seconds(pid) - before
        self._answer()
        return told["perSecond"], 1e6 * spent / told["messages"]

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.kill()
            _, said = self._process.communicate()
            raise RuntimeError(f"the load ended: {' '.join(said.split())[-300:]}")
        return json.loads(line)


def _register(hub: HubProcess, key: str) -> None:
    service = hub.service()
    keys = {"symmetricKey": {"primaryKey": key, "secondaryKey": key}}
    for first in range(0, MANY, BULK):
        numbers = range(first, first + BULK)
        service.ask("POST", "/devices", [{"id": NAME.format(n), "authentication": keys} for n in numbers])


def _pace(hub: HubProcess, load: Load, seconds: int) -> tuple[dict, list[float]]:
    # Methods are called from here, while the load has its own process.
    service, times, done = hub.service(), [], threading.Event()

    def call() -> None:
        number = 0
        while not done.is_set():
            number = (number + 37) % MANY
            begun = time.perf_counter()
            service.call(NAME.format(number), METHOD, PAYLOAD)
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.02)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        return load.ask("pace", seconds), times
    finally:
        done.set()
        caller.join()
