"""P8: what one process of the local hub bears, beside Mosquitto."""

import base64
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import time

from .goals import MOSQUITTO, Measurement
from .hub_process import ADDRESS, HubProcess
from .load import NAME
from .mosquitto import Mosquitto
from .process_facts import cpu_seconds, resident_kb
from .samples import Summary, ratio, summarize
from .work import METHOD, PAYLOAD

ABOUT = """One process makes 1,000 TLS connections to `twinkle hub`, and another to Mosquitto (which checks
no password and has no subscriber; the certificate is alike), and publishes telemetry of the same topic and
body at QoS 1. First one message a second for each device: a device counts when each of its messages was
acknowledged within a second; meanwhile a service calls methods of these devices. Then as much as the server
takes, each device sending its next message when the last was acknowledged, as devices do, and once more in
batches of 20, which is what servers like best. Since servers here use one processor and the load another,
messages for a second of the server's processor time tell what it would sustain with a processor to itself;
neither figure is free of what else the computer does. A second hub with 10 devices takes its turns in the
same rounds. Memory is the growth of the resident set from 10 connected devices to 1,000, before the load or
after it, whichever is more. Nobody monitors the hub's telemetry."""

FEW, MANY = 10, 1000
ALONE, BATCH = 1, 20  # messages of a device that are under way
BULK = 100
SETTLE_S = 1.0
STRIDE, PAUSE_S = 37, 0.01  # from one device that is called to the next
MARGIN_S = 2.0  # the last call is answered while the load is still paced
HUB, SMALL = "hub", "hub with 10 devices"


def measure(bench) -> list[Measurement]:
    """Floods take turns: three of 3 s for each server, five of 15 s in the full form."""
    rounds, flood_s, pace_s = (3, 3, 10) if bench.quick else (5, 15, 60)
    key = base64.b64encode(os.urandom(32)).decode()
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p8", port=0))
        small = stack.enter_context(HubProcess(bench.folder / "hub-p8-small", port=0))
        for each in (hub, small):
            register(each, key)
        broker = stack.enter_context(Mosquitto(bench.folder, hub.state / "ca" / "server.pem"))
        servers = {HUB: hub, MOSQUITTO: broker, SMALL: small}
        loads = {
            name: stack.enter_context(
                Load(server, hub.ca_file if name != SMALL else small.ca_file, key, bench.say)
            )
            for name, server in servers.items()
        }
        few = {name: load.connect(FEW) for name, load in loads.items()}
        many = {name: loads[name].connect(MANY) for name in (HUB, MOSQUITTO)}
        paced, methods, later = _pace(hub, loads[HUB], pace_s)
        found = _floods(loads, rounds, flood_s, ALONE)
        batches = _floods({name: loads[name] for name in (HUB, MOSQUITTO)}, 2, flood_s, BATCH)
    growth = {name: (many[name] - few[name]) / (MANY - FEW) for name in many}
    growth_later = (later - few[HUB]) / (MANY - FEW)
    each = summarize([max(growth[HUB], growth_later)], "KB")
    rate, cost = _against(found, 0, "messages/s"), _against(found, 1, "µs")
    few_told = summarize([row[1] for row in found[SMALL]], "µs")
    in_time = summarize([paced["inTime"]], "devices")
    return [
        Measurement("P8", "connected devices, each with a message a second", in_time, {}, paced["inTime"]),
        Measurement("P8", "a message's acknowledgement then, p99", summarize([1000 * paced["p99"]], "ms")),
        Measurement("P8", "a method's round trip then", summarize(methods, "ms")),
        Measurement("P8", "messages a second that the process sustains", *rate),
        Measurement("P8", "messages for a second of processor time", *_against(found, 2, "messages")),
        Measurement("P8", "messages a second, in batches of 20", *_against(batches, 0, "messages/s")),
        Measurement(
            *("P8", "memory of the hub for each connected device", each),
            *({MOSQUITTO: summarize([growth[MOSQUITTO]], "KB")}, each.median),
        ),
        Measurement("P8", "the same before the load", summarize([growth[HUB]], "KB")),
        Measurement(
            *("P8", "cost of a message on the hub with 1,000 devices"),
            *(cost[0], {SMALL: few_told}, ratio(cost[0].median, few_told.median)),
        ),
    ]


def _floods(loads: dict[str, "Load"], rounds: int, seconds: int, window: int) -> dict[str, list[tuple]]:
    # By server: messages a second, microseconds for each, messages for a second of processor time.
    found = {name: [] for name in loads}
    for number in range(rounds):
        for name, load in loads.items():
            found[name].append(load.flood(f"{name}, {number + 1} of {rounds}", seconds, window))
    return found


def _against(found: dict[str, list[tuple]], at: int, unit: str) -> tuple[Summary, dict[str, Summary], float]:
    told = {name: summarize([row[at] for row in rows], unit) for name, rows in found.items()}
    return told[HUB], {MOSQUITTO: told[MOSQUITTO]}, ratio(told[HUB].median, told[MOSQUITTO].median)


class Load:
    """The process that loads a server, see the module load."""

    def __init__(self, server: HubProcess | Mosquitto, ca_file: str, key: str, say):
        self._command = [sys.executable, "-m", "benchmark.load", ADDRESS, str(server.port), ca_file, key]
        self._server = server
        self._say = say

    def __enter__(self) -> "Load":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, what: str, *amounts: int) -> dict:
        """Have something done; what it says of it."""
        self._process.stdin.write(" ".join(map(str, (what, *amounts))) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def connect(self, count: int) -> float:
        """Until so many are; what the server has resident then (KB)."""
        self._say(f"connecting {count} devices")
        self.ask("connect", count)
        time.sleep(SETTLE_S)
        return resident_kb(self._server.pid)

    def flood(self, what: str, seconds: int, window: int) -> tuple[float, float, float]:
        """Messages a second, microseconds of the server's processor time for each, messages for a second of it."""
        self._say(f"as much as it takes: {what}, {window} under way")
        self.ask("flood", seconds, window)
        before = cpu_seconds(self._server.pid)
        told = self._answer()
        spent = cpu_seconds(self._server.pid) - before
        self._answer()
        return told["perSecond"], 1e6 * spent / told["messages"], told["messages"] / spent

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.kill()
            _, said = self._process.communicate()
            raise RuntimeError(f"the load ended: {' '.join(said.split())[-300:]}")
        return json.loads(line)


def register(hub: HubProcess, key: str) -> None:
    """Register the devices of the load, all with this key."""
    service = hub.service()
    keys = {"symmetricKey": {"primaryKey": key, "secondaryKey": key}}
    for first in range(0, MANY, BULK):
        numbers = range(first, first + BULK)
        service.ask("POST", "/devices", [{"id": NAME.format(n), "authentication": keys} for n in numbers])


def _pace(hub: HubProcess, load: Load, seconds: int) -> tuple[dict, list[float], float]:
    # Methods are called from here, while the load has its own process, which answers as long as it is paced.
    service, times = hub.service(), []
    end = time.monotonic() + seconds - MARGIN_S

    def call() -> None:
        number = 0
        while time.monotonic() < end:
            number = (number + STRIDE) % MANY
            begun = time.perf_counter()
            service.call(NAME.format(number), METHOD, PAYLOAD)
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(PAUSE_S)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        calling = pool.submit(call)
        paced = load.ask("pace", seconds)
        calling.result()
    return paced, times, resident_kb(hub.pid)
