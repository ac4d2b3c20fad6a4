"""Which values the configurations of a twin give it, and the patch that leads there."""

from collections.abc import Iterable
from typing import Any

from ..twins.merge import Document
from .configuration import Configuration, Path, overlap


def wanted(configurations: Iterable[Configuration]) -> dict[Path, Configuration]:
    """Who gives each path its value; ``configurations`` from the highest rank down.

    "If two or more configurations target the same twin path, the content from the highest priority
    configuration applies". A path that lies within another counts as the same.
    """
    owners: dict[Path, Configuration] = {}
    for configuration in configurations:
        free = [path for path in configuration.places if not any(overlap(path, taken) for taken in owners)]
        owners.update(dict.fromkeys(free, configuration))
    return owners


def placed(values: Document, gone: Iterable[Path], given: dict[Path, Any]) -> Document:
    """``values`` without what was at the paths that are ``gone``, and with what is ``given``; None removes."""
    result = values
    for path, value in [*((path, None) for path in gone), *given.items()]:
        result = _put(result, path, value)
    return result


def _put(values: Document, path: Path, value: Any) -> Document:
    name, *rest = path
    result = dict(values)
    if rest:
        inner = values.get(name)
        if value is None and not isinstance(inner, dict):
            return values  # there is nothing to remove
        result[name] = _put(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    elif value is None:
        result.pop(name, None)
    else:
        result[name] = value
    return result


def difference(old: Document, new: Document) -> Document:
    """The merge patch that makes ``new`` of ``old``; empty when they are equal."""
    patch: Document = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[name] = inner
        elif name not in old or type(before) is not type(value) or before != value:
            patch[name] = value
    return patch
