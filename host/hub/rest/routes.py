"""Which resource an address means.

IoT Hub's REST service is ASP.NET Web API: parts of a path are compared in any letter case, and what
stands for a name is taken as it is; a slash may be percent-encoded (IoT Explorer encodes all of them),
and one may stand at the end (npm azure-iothub's ``Registry.list``).
"""

from typing import Generic, TypeVar
from urllib.parse import unquote

Value = TypeVar("Value")


class UnknownResource(LookupError):
    """No route has such a path."""


class OtherMethod(LookupError):
    """The resource is there, and none of its routes takes this method. ``allowed``: those that are taken."""

    def __init__(self, method: str, allowed: list[str]):
        super().__init__(method, allowed)
        self.method = method
        self.allowed = allowed


class Routes(Generic[Value]):
    """Values by method and path. A path is written ``/devices/{id}``; the first route that fits is taken."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, list[str], Value]] = []

    def add(self, method: str, path: str, value: Value) -> None:
        """One more route, after those there are."""
        self._routes.append((method, path.split("/")[1:], value))

    def find(self, method: str, address: str) -> tuple[Value, dict[str, str]]:
        """The value of a route, and what stands for its names; UnknownResource or OtherMethod.

        ``address``: the path as it was sent, percent-encoded.
        """
        parts = unquote(address).removesuffix("/").split("/")[1:]
        allowed = []
        for route_method, pattern, value in self._routes:
            names = _names(pattern, parts)
            if names is not None:
                if route_method == method:
                    return value, names
                allowed.append(route_method)
        raise OtherMethod(method, sorted(allowed)) if allowed else UnknownResource(address)


def _names(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    names = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            if not part:
                return None
            names[wanted[1:-1]] = part
        elif wanted.lower() != part.lower():
            return None
    return names
