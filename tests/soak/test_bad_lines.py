"""Real devices over real sockets and TLS on lines that are cut, stalled, slow and refused, by seeds."""

import queue
import random
import re
import threading
from collections import defaultdict

import pytest
from support import ROOT

from twinkle_host.hub.core.errors import HubError
from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.fault_proxy import FaultProxy
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.waiting import eventually, last

SHORT, FULL, AT_ONCE = 6, 100, 10
LONGER = FULL / AT_ONCE
ROUNDS = 6  # of faults, some 12 s
FAULTS = ("cut", "stall", "dribble", "delay", "refuse", "cut in a packet", "drop")


def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("seed")
        seeds = (
            [chosen] if chosen is not None else range(FULL if metafunc.config.getoption("soak") else SHORT)
        )
        batches = [list(seeds)[at : at + AT_ONCE] for at in range(0, len(seeds), AT_ONCE)]
        metafunc.parametrize("batch", batches, ids=lambda batch: f"{batch[0]}-{batch[-1]}")


class Life:
    """One device on a line of its own."""

    def __init__(self, seed, hub, folder):
        self.seed, self.hub, self.name = seed, hub, f"line-{seed}"
        self.chance = random.Random(seed)
        self.line = FaultProxy(hub.info["mqttPort"])
        self.line.__enter__()
        text = f"{hub.add(self.name)};Port={self.line.port}"
        with open(hub.info["caFile"], "rb") as file:
            ca = file.read()
        board = {"app": "twin_apps.counter", "keepAlive": 10}
        apps = [ROOT / "tests" / "device"]
        interpreter = "micropython" if seed % 3 == 2 else "cpython"
        self.process = DeviceProcess(interpreter, folder, text, ca, board, apps=apps).start()
        self.last, self.calls = 0, []

    def suffer(self):
        """Faults and wishes, then a good line. The first fault is one that no device can miss."""
        self.process.wait_for(" ready")
        chance, line = self.chance, self.line
        for number in range(ROUNDS):
            fault = chance.choice(FAULTS) if number else "cut"
            if fault == "cut":
                line.cut()
            elif fault == "drop":
                self.hub.drop(self.name)
            elif fault == "cut in a packet":
                line.cut_after = chance.randrange(1, 2000)
            elif fault == "stall":
                line.stalled = True
            elif fault == "dribble":
                line.dribble = True
            elif fault == "delay":
                line.delay = 0.3
            elif fault == "refuse":
                line.refuses = True
                line.cut()
            for _ in range(2):
                last(chance.uniform(0.1, 1))
                self._wish()
            line.heal()
            last(chance.uniform(0.1, 1.5))
        self._wish(sure=True)

    def _wish(self, sure=False):
        if sure or self.chance.random() < 0.6:
            self.last += 1
            desired = {"configId": self.last, "sendFrequency": "1s"}
            self.hub.call("patch_twin", self.name, {"properties": {"desired": desired}})
        else:
            outcome = queue.Queue()
            self.calls.append(outcome)
            try:
                self.hub.call("invoke", self.name, "echo", self.last, response_timeout=5, done=outcome.put)
            except HubError as error:
                outcome.put(error)

    def recover(self, numbers):
        """Wait until it has the last configuration, and all that waited has been answered and sent."""
        told = lambda: "\n".join([f"for seed {self.seed}:", *self.process.log[-40:]])  # noqa: E731
        eventually(lambda: self.hub.reported(self.name).get("configId") == self.last, told=told)
        eventually(lambda: all(outcome.qsize() for outcome in self.calls), told=told)
        came = len(numbers)  # a new one comes after all that waited
        eventually(lambda: len(numbers) > came, told=told)

    def check(self, numbers):
        """``numbers``: those of its messages, as they came."""
        log = "\n".join(self.process.log[-40:])
        applied = [
            int(number) for number in re.findall(r"applied configuration (\d+)", "\n".join(self.process.log))
        ]
        assert applied == sorted(set(applied)), f"seed {self.seed}: applied {applied}\n{log}"
        assert applied[-1] == self.last, f"seed {self.seed}: {applied} and not {self.last}\n{log}"
        firsts = list(dict.fromkeys(numbers))
        assert firsts == list(range(1, len(firsts) + 1)), f"seed {self.seed}: {firsts}\n{log}"
        for outcome in self.calls:
            assert outcome.qsize() == 1, f"seed {self.seed}: a method has {outcome.qsize()} outcomes\n{log}"

    def end(self):
        self.process.stop()
        self.line.__exit__()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


def test_on_a_bad_line_nothing_is_lost_applied_twice_or_answered_twice(batch, hub, tmp_path, measured):
    numbers = defaultdict(list)

    def note(event):
        if event["source"] == "Telemetry":
            numbers[event["deviceId"]].append(event["body"]["n"])

    hub.call("listen", note)
    lives = [Life(seed, hub, tmp_path / str(seed)) for seed in batch]
    try:
        threads = [threading.Thread(target=life.suffer) for life in lives]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for life in lives:
            life.recover(numbers[life.name])
    finally:
        for life in lives:
            life.end()
    for life in lives:
        life.check(numbers[life.name])
    losses = sum("link lost" in line for life in lives for line in life.process.log)
    messages = sum(map(len, numbers.values()))
    measured(f"seeds {batch}: {losses} lost connections, {messages} messages")
    assert losses >= len(lives)
