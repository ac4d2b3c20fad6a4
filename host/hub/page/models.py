"""The DTDL models the hub was given, and those of the applications that come with it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...paths import FIRMWARE


class ModelError(Exception):
    """A file is no model; the text names it and says why."""


def load_models(files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Interfaces by their ``@id``, of files that hold one or a list of them."""
    models: dict[str, dict[str, Any]] = {}
    for file in (*sorted((FIRMWARE / "apps").glob("*.json")), *files):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file} is no DTDL model: {error}") from None
        for interface in content if isinstance(content, list) else [content]:
            if not isinstance(interface, dict) or not isinstance(interface.get("@id"), str):
                raise ModelError(f"{file} is no DTDL model: it has no interface with an @id")
            models[interface["@id"]] = interface
    return models


def model_of(models: dict[str, dict[str, Any]], model_id: str | None) -> dict[str, Any] | None:
    """The interface of a device with those that it names: ``{"interface", "components": {name: interface}}``."""
    interface = models.get(model_id or "")
    if interface is None:
        return None
    components = {}
    for content in _contents(interface):
        schema = content.get("schema")
        if "Component" in _kinds(content) and isinstance(content.get("name"), str):
            found = schema if isinstance(schema, dict) else models.get(str(schema))
            if found is not None:
                components[content["name"]] = found
    return {"interface": interface, "components": components}


def units(interface: dict[str, Any]) -> dict[str, str]:
    """The units of an interface's telemetry, by its name."""
    return {
        str(content.get("name")): content["unit"]
        for content in _contents(interface)
        if isinstance(content.get("unit"), str)
    }


def display_name(interface: dict[str, Any]) -> str | None:
    """What the model calls itself; a name in several languages is English, or the first."""
    name = interface.get("displayName")
    if isinstance(name, dict):
        name = name.get("en") or next(iter(name.values()), None)
    return name if isinstance(name, str) else None


def _contents(interface: dict[str, Any]) -> list[dict[str, Any]]:
    contents = interface.get("contents")
    return (
        [content for content in contents if isinstance(content, dict)] if isinstance(contents, list) else []
    )


def _kinds(content: dict[str, Any]) -> list[Any]:
    kinds = content.get("@type")
    return kinds if isinstance(kinds, list) else [kinds]
