"""Configurations at work: each twin that was touched is looked at, given what is meant for it, and counted.

On Azure this happens shortly after a configuration was made or changed, and every five minutes; here a twin
is looked at as soon as the twins before it have been. What a service writes over a configuration's values
stays until the configurations of the twin change.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from .. import jsontext
from ..devices.device import Device
from ..errors import HubError
from ..messages.events import REQUEST_REFUSED
from ..queries.query import fulfils
from ..queries.tree import DEVICES, MODULES
from ..sessions.parts import Parts
from ..twins.twin import Change, Twin
from .configuration import APPLIED, TARGETED, Configuration, Path
from .placing import difference, placed, wanted
from .portions import LOOKS, PORTION, Portions

TARGETED_COUNT, APPLIED_COUNT = "targetedCount", "appliedCount"
Counted = tuple[str, str, bool]  # a configuration, a metric, and whether that is the hub's own
Seen = frozenset[Counted]


class Rollout:
    """The work of one hub's configurations, which ``known()`` answers."""

    def __init__(self, parts: Parts, known: Callable[[], Collection[Configuration]]):
        self._parts = parts
        self._known = known
        self._touched: dict[tuple[str, str], None] = {}  # source and id, oldest first
        self._seen: dict[tuple[str, str], Seen] = {}
        self._counts: Counter[Counted] = Counter()
        self._own = False  # whether what is saved is of our own making
        self._portions = Portions(parts.clock, parts.timers, self._work)
        for twins in parts.twins.values():
            twins.watch(self._touch)

    def all(self) -> None:
        """Look at every twin: the configurations have changed."""
        for source, twins in self._parts.twins.items():
            self._touched.update(dict.fromkeys((source, name) for name in twins.order))
        self._portions.wake()

    def counts(self, configuration: Configuration) -> tuple[dict[str, int], dict[str, int]]:
        """What a configuration's metrics are, by their names: the system's, and its own."""
        return (
            {name: self._counts[configuration.id, name, True] for name in (TARGETED_COUNT, APPLIED_COUNT)},
            {name: self._counts[configuration.id, name, False] for name in configuration.queries},
        )

    def _touch(self, device: Device) -> None:
        key = (DEVICES if device.parent is None else MODULES, device.id)
        if not self._own and (self._known() or key in self._seen):
            self._touched[key] = None
            self._portions.wake()

    def _work(self) -> float | None:
        looks, writes = 0, 0
        ranked = sorted(self._known(), key=lambda known: known.rank, reverse=True)
        cost = 1 + sum(1 + len(known.metrics) for known in ranked)
        while self._touched and looks < LOOKS * 5 and writes < PORTION:
            key = next(iter(self._touched))
            del self._touched[key]
            source, device_id = key
            device = self._parts.twins[source].get(device_id)
            if device is not None:
                writes += self._apply(device, [known for known in ranked if known.source == source])
            self._count(key, self._seen_of(device, source, ranked))
            looks += cost
        return 0 if self._touched else None

    # --- one twin

    def _apply(self, device: Device, ranked: list[Configuration]) -> bool:
        """Give a twin what is meant for it; whether that was written."""
        mine = [known for known in ranked if known.target is not None and fulfils(known.target, device)]
        owners = wanted(mine)
        states = {
            known.id: APPLIED if not known.places or known in owners.values() else TARGETED for known in mine
        }
        now = {path: [owner.id, owner.revision] for path, owner in owners.items()}
        before = device.configurations
        had = {tuple(path): owner for path, *owner in before.get("places", ())}
        after: dict[str, Any] = {}
        if states:
            after = {"states": states, "places": [[list(path), *owner] for path, owner in now.items()]}
        if after == before:
            return False
        gone = [path for path in had if path not in now]
        given = {path: owner for path, owner in owners.items() if had.get(path) != now[path]}
        try:
            self._write(device, after, gone, given)
        except HubError as error:
            reason = f"the configurations {', '.join(states)} were not applied: {error}"
            self._parts.events.diagnostic(device.id, REQUEST_REFUSED, reason)
            owning = {owner[0] for owner in had.values()}
            after["states"] = {name: APPLIED if name in owning else TARGETED for name in states}
            device.configurations = {**after, "places": before.get("places", [])}
        return True

    def _write(
        self, device: Device, after: dict[str, Any], gone: list[Path], given: dict[Path, Configuration]
    ) -> None:
        before, old = device.configurations, device.twin.desired.values
        values = {path: owner.places[path] for path, owner in given.items()}
        patch = difference(old, placed(old, gone, values))
        device.configurations = after
        self._own = True
        try:
            if patch:
                body = {"properties": {"desired": jsontext.copy(patch)}}

                def write(twin: Twin, time: str) -> Change | None:
                    change = twin.patch(body, time)
                    for path, owner in given.items() if change is not None else ():
                        twin.sign(path, owner.id, str(owner.revision))
                    return change

                change = self._parts.write_twin(device, write)
            else:
                self._parts.devices.save(device)
                change = None
        except BaseException:
            device.configurations = before
            raise
        finally:
            self._own = False
        self._parts.tell_desired(device, change)

    # --- metrics

    def _seen_of(self, device: Device | None, source: str, ranked: list[Configuration]) -> Seen:
        if device is None:
            return frozenset()
        seen = [
            (known.id, name, False)
            for known in ranked
            for name, query in known.metrics.items()
            if query.source == source and fulfils(query, device)
        ]
        for name, state in device.configurations.get("states", {}).items():
            seen.append((name, TARGETED_COUNT, True))
            if state == APPLIED:
                seen.append((name, APPLIED_COUNT, True))
        return frozenset(seen)

    def _count(self, key: tuple[str, str], seen: Seen) -> None:
        before = self._seen.pop(key, frozenset())
        self._counts.subtract(before - seen)
        self._counts.update(seen - before)
        for counted in before - seen:
            if not self._counts[counted]:
                del self._counts[counted]
        if seen:
            self._seen[key] = seen

    def forget(self, configuration_id: str) -> None:
        """A configuration was deleted: its counts are nobody's."""
        for key in [key for key in self._counts if key[0] == configuration_id]:
            del self._counts[key]
        for key, seen in list(self._seen.items()):
            self._seen[key] = frozenset(one for one in seen if one[0] != configuration_id)
