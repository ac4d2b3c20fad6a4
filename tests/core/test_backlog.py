"""Telemetry on disk: what outlives a restart, and what that costs."""

import json

from driver import EPOCH, Driver

from twinkle import App
from twinkle.core.backlog import KEEP_MS

DAY_MS = 86400000
KNOWN = {"configId": 1, "sendFrequency": "60s"}


def thermometer():
    app = App(config=dict(KNOWN))

    @app.telemetry
    def sample(board):
        return {"temp": board.temperature}

    return app


class Disk:
    """A device on a disk that tests can look at."""

    def __init__(self, records=None, epoch=EPOCH, **waiting):
        waiting.setdefault("disk", 65536)
        waiting.setdefault("capacity", 2000)
        self.waiting = waiting
        self.records = dict(records or {})
        self.epoch = epoch
        self.writes = self.temperature = self.restarts = 0
        self.start()

    def start(self):
        self.driver = Driver(
            thermometer(), self.records, keep_alive=10000000, epoch=self.epoch, waiting=self.waiting
        )

    def pass_time(self, ms):
        """With a reading a minute, and a hub that does not answer."""
        for _ in range(ms // 60000):
            d = self.driver
            d.wait(59000)
            if "reset" in [action[0] for action in self.perform() + d.step(1000)]:
                self.perform(d.device.keep())
                self.epoch += d.now // 1000
                self.restarts += 1
                self.start()
                continue
            if d.device.sampler._reading:
                self.temperature += 1
                d.reading({"temperature": self.temperature})
            if d.device.link.state == "connecting":
                d.lost("no route to the hub")

    def perform(self, actions=()):
        done, self.driver.done = self.driver.done + list(actions), []
        for action in done:
            if action[:2] == ("store", "telemetry"):
                self.writes += 1
                # As the store has it.
                self.records["telemetry"] = json.loads(json.dumps(action[2]))
        return done

    def connect(self):
        """The hub is there, and takes what waits; the temperatures that it got."""
        d = self.driver
        d.device.link.hurry(d.now)
        d.wait(1000)
        d.connected()
        d.answer_twin(reported=KNOWN)
        came = []
        while len(d.device.telemetry):
            d.step()
            for action in self.perform():
                if action[0] == "publish" and "messages/events" in action[1]:
                    came.append((json.loads(action[2])["temp"], action[1].partition("ctime=")[2]))
            d.sent()
        d.step()
        self.perform()
        return came


def test_a_restart_after_an_outage_loses_nothing_that_was_kept():
    first = Disk()
    first.pass_time(3 * KEEP_MS)
    first.perform(first.driver.device.keep())
    second = Disk(first.records, EPOCH + 3600)
    assert len(second.driver.device.telemetry) == len(first.driver.device.telemetry) == first.temperature
    came = second.connect()
    assert [temperature for temperature, _ in came] == list(range(1, first.temperature + 1))
    assert came[0][1] == "2023-11-14T22%3A14%3A20Z"
    assert second.records["telemetry"] is None


def test_a_power_cut_costs_at_most_what_came_since_the_last_writing():
    first = Disk()
    first.pass_time(5 * KEEP_MS)
    second = Disk(first.records)
    lost = first.temperature - len(second.driver.device.telemetry)
    assert 0 <= lost <= KEEP_MS // 60000


def test_a_day_without_a_hub_costs_at_most_150_writes_and_its_end_one():
    disk = Disk(capacity=50)
    disk.pass_time(DAY_MS)
    assert disk.restarts == 3, "as the last step of the link policy, every six hours"
    assert 130 <= disk.writes <= 150
    before = disk.writes
    assert len(disk.connect()) == 50 and disk.writes == before + 1


def test_a_good_day_costs_none_and_a_short_outage_neither():
    disk = Disk()
    disk.pass_time(KEEP_MS - 60000)
    disk.connect()
    for _ in range(100):
        disk.driver.wait(60000)
        disk.driver.reading({"temperature": 20})
        if disk.driver.device.link.state == "connecting":
            disk.connect()  # with a new token
            continue
        disk.driver.step()
        disk.driver.sent()
    disk.perform(disk.driver.device.keep())
    assert disk.writes == 0


def test_a_backlog_larger_than_its_share_keeps_the_newest():
    disk = Disk(disk=1000)
    disk.pass_time(4 * KEEP_MS)
    disk.perform(disk.driver.device.keep())
    kept = [entry[2]["temp"] for entry in disk.records["telemetry"]["messages"]]
    assert kept == list(range(disk.temperature - len(kept) + 1, disk.temperature + 1))
    assert 5 <= len(kept) and len(json.dumps(disk.records["telemetry"])) <= 1000


def test_what_was_measured_before_the_time_was_known_is_kept_without_one():
    first = Disk(epoch=None)
    first.pass_time(2 * KEEP_MS)
    second = Disk(first.records)
    came = second.connect()
    assert came and came[0][1] == ""


def test_nothing_is_written_over_before_it_was_read():
    first = Disk()
    first.pass_time(2 * KEEP_MS)
    second = Disk(first.records, epoch=None)
    second.pass_time(4 * KEEP_MS)
    second.perform(second.driver.device.keep())
    assert second.writes == 0
    second.driver.device.on_time(EPOCH + 7200, second.driver.now)
    assert len(second.connect()) == len(first.records["telemetry"]["messages"]) + second.temperature


def test_a_disk_that_takes_nothing_is_tried_again():
    disk = Disk()
    disk.driver.flash_error = "flash: full"
    disk.pass_time(3 * KEEP_MS)
    disk.driver.flash_error = None
    tried = disk.writes
    disk.perform(disk.driver.device.keep())
    assert tried >= 2 and disk.writes == tried + 1


def test_a_record_of_another_program_is_dropped_and_said():
    disk = Disk({"telemetry": {"messages": [["x"], 7]}})
    assert disk.driver.device.telemetry.queue == []
    disk.driver.step()
    assert disk.driver.said("it is dropped")


def test_what_is_restored_keeps_to_the_capacity_and_the_oldest_gives_way():
    first = Disk()
    first.pass_time(2 * KEEP_MS)
    second = Disk(first.records, epoch=None, capacity=12)
    second.pass_time(4 * KEEP_MS)
    assert len(second.driver.device.telemetry) == 12
    dropped = second.driver.device.telemetry.dropped
    second.driver.device.on_time(EPOCH + 7200, second.driver.now)
    telemetry = second.driver.device.telemetry
    assert len(telemetry) == 12 and telemetry.dropped == dropped + len(first.records["telemetry"]["messages"])
