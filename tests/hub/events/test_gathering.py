"""One commit for a turn of the loop, and acknowledgements after it."""

import asyncio

import pytest

from twinkle_host.hub.events import gathering
from twinkle_host.hub.events.gathering import Gathering
from twinkle_host.hub.events.log import EventLog
from twinkle_host.waiting import eventually


class CountingLog(EventLog):
    """Counts its commits."""

    commits = 0

    def commit(self):
        self.commits += 1
        return super().commit()


def run(tmp_path, story):
    """A story in an event loop with a log."""

    async def play():
        log = CountingLog(tmp_path / "e", 10**9, 1 << 30)
        gathered = Gathering(log)
        try:
            await story(gathered, log)
        finally:
            gathered.close()

    asyncio.run(play())


def put(gathered, count=1):
    for _ in range(count):
        gathered.append("dev1", {}, {}, b"{}", 1000)


def test_what_comes_in_one_turn_is_one_commit_and_acknowledged_after_it(tmp_path):
    async def story(gathered, log):
        told, grown = [], []
        gathered.watch(grown.append)
        for _ in range(100):
            put(gathered)
            gathered.after(lambda kept: told.append((kept, log.partitions[1].next)))
        assert told == [] and log.partitions[1].next == 0
        await asyncio.sleep(0)
        assert told == [(True, 100)] * 100 and log.commits == 1 and grown == [[1]]

    run(tmp_path, story)


def test_where_many_speak_the_next_commit_waits_a_little_and_one_alone_does_not(tmp_path):
    async def story(gathered, log):
        put(gathered, 10)
        await asyncio.sleep(0)
        assert log.commits == 1
        told = asyncio.get_running_loop().create_future()
        put(gathered)
        gathered.after(told.set_result)
        await asyncio.sleep(0)
        assert log.commits == 1, "after ten at once it waits for more"
        put(gathered)
        assert await told and log.commits == 2 and log.partitions[1].next == 12
        put(gathered)
        await asyncio.sleep(0)
        assert log.commits == 3, "and goes back to no wait"

    run(tmp_path, story)


def test_who_waits_for_nothing_does_not_wait(tmp_path):
    async def story(gathered, log):
        told = []
        gathered.after(told.append)
        assert told == [True]

    run(tmp_path, story)


def test_a_turn_that_brings_very_much_is_not_kept_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "MAX_GATHERED", 10)

    async def story(gathered, log):
        put(gathered, 25)
        assert log.commits == 2 and log.gathered == 5

    run(tmp_path, story)


def test_what_could_not_be_kept_is_not_acknowledged_and_counted(tmp_path, caplog):
    async def story(gathered, log):
        told = []
        log._db.execute("PRAGMA query_only=ON")
        put(gathered, 3)
        gathered.after(told.append)
        await asyncio.sleep(0)
        assert told == [False] and gathered.lost == 3 and "3 events could not be kept" in caplog.text
        log._db.execute("PRAGMA query_only=OFF")

    run(tmp_path, story)


def test_what_has_come_is_kept_when_the_hub_stops(tmp_path):
    async def story(gathered, log):
        put(gathered, 3)

    run(tmp_path, story)
    log = EventLog(tmp_path / "e", 10**9, 1 << 30)
    assert log.last(1)[0] == 2
    log.close()


def test_old_events_are_looked_at_from_time_to_time(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "RETAIN_S", 0.001)

    async def story(gathered, log):
        put(gathered, 3)
        await asyncio.sleep(0)
        await asyncio.to_thread(eventually, lambda: log.partitions[1].is_empty)
        assert log.partitions[1].next == 3

    run(tmp_path, story)


@pytest.mark.parametrize("watching", [True, False])
def test_a_watcher_may_leave(tmp_path, watching):
    async def story(gathered, log):
        grown = []
        end = gathered.watch(grown.append)
        if not watching:
            end()
        put(gathered)
        await asyncio.sleep(0)
        assert bool(grown) == watching

    run(tmp_path, story)
