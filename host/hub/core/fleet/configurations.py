"""The configurations of a hub, as services ask for them, and kept."""

from typing import Any

from .. import throttles
from ..access.identities import check_etag
from ..errors import HubError, not_stored
from ..ports import Store
from ..sessions.parts import Parts
from .configuration import Configuration, metric_of, target_of
from .rollout import Rollout

MAX_CONFIGURATIONS = 100  # "100 configurations per paid SKU hub"


class Configurations:
    """The configurations of one hub. ``stored``: the records of earlier ones."""

    def __init__(self, parts: Parts, store: Store, stored: list[dict[str, Any]]):
        self._parts = parts
        self._store = store
        self._known: dict[str, Configuration] = {}
        for record in stored:
            configuration = Configuration.from_record(record)
            self._known[configuration.id] = configuration
        self._rollout = Rollout(parts, self._known.values)
        self._rollout.all()

    def create(self, configuration_id: str, body: Any) -> dict[str, Any]:
        """A new configuration, which begins to be applied; 409401 when there is one of that id."""
        self._spend()
        if configuration_id in self._known:
            raise HubError(
                "ConfigurationAlreadyExists",
                f"There is a configuration {configuration_id[:128]!r} already; update it (with If-Match), "
                "or choose another id.",
            )
        utc = self._parts.clock.utc()
        configuration = Configuration(configuration_id, body, self._parts.generation(utc), utc)
        if len(self._known) >= MAX_CONFIGURATIONS:
            raise HubError(
                "ConfigurationCountLimitExceeded",
                f"There are {MAX_CONFIGURATIONS} configurations, the most there may be; delete one first.",
            )
        self._save(configuration)
        self._known[configuration_id] = configuration
        self._rollout.all()
        return configuration.view(({}, {}))  # nothing has been counted yet

    def update(self, configuration_id: str, body: Any, etag: str | None = None) -> dict[str, Any]:
        """Change condition, priority, metrics and labels; what the body leaves out is empty then."""
        self._spend()
        configuration = self._find(configuration_id)
        check_etag(etag, configuration.etag, "configuration")
        before = configuration.record()
        configuration.change(body, self._parts.clock.utc())
        try:
            self._save(configuration)
        except HubError:
            self._known[configuration_id] = Configuration.from_record(before)
            raise
        self._rollout.all()
        return self._view(configuration)

    def get(self, configuration_id: str) -> dict[str, Any]:
        """The configuration with its metrics; 404301 when there is none."""
        self._spend()
        return self._view(self._find(configuration_id))

    def list(self, top: int | None = None) -> list[dict[str, Any]]:
        """Up to ``top`` configurations, by id; all of them for what is no such number."""
        self._spend()
        count = top if top is not None and 1 <= top <= MAX_CONFIGURATIONS else MAX_CONFIGURATIONS
        return [self._view(self._known[name]) for name in sorted(self._known)[:count]]

    def delete(self, configuration_id: str, etag: str | None = None) -> None:
        """Remove a configuration; the twins that it was applied to lose its settings."""
        self._spend()
        configuration = self._find(configuration_id)
        check_etag(etag, configuration.etag, "configuration")
        try:
            self._store.delete(configuration.record()["id"])
        except Exception as error:
            raise not_stored("the configuration", error) from error
        del self._known[configuration_id]
        self._rollout.forget(configuration_id)
        self._rollout.all()

    def test(self, condition: Any, metrics: Any) -> dict[str, Any]:
        """What is wrong with a condition and with queries of metrics, None for what is right."""
        self._spend()
        errors = {name: _error(metric_of, text) for name, text in (metrics or {}).items()}
        return {
            "targetConditionError": _error(target_of, condition),
            "customMetricQueryErrors": {name: text for name, text in errors.items() if text is not None},
        }

    def _spend(self) -> None:
        self._parts.throttles.spend(throttles.CONFIGURATIONS)

    def _find(self, configuration_id: str) -> Configuration:
        configuration = self._known.get(configuration_id)
        if configuration is None:
            raise HubError(
                "ConfigurationNotFound", f"There is no configuration {configuration_id[:128]!r}; list them."
            )
        return configuration

    def _view(self, configuration: Configuration) -> dict[str, Any]:
        return configuration.view(self._rollout.counts(configuration))

    def _save(self, configuration: Configuration) -> None:
        try:
            self._store.save(configuration.record())
        except Exception as error:
            raise not_stored("the configuration", error) from error


def _error(read: Any, text: Any) -> str | None:
    try:
        read(text)
    except HubError as error:
        return error.message
    return None
