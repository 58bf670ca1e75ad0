"""What tests of the client against real API servers share."""

import msgspec

from tests.adapters.kubernetes.client_server import access_to
from tests.world.api import Api
from tests.world.control_plane import ControlPlane
from upid.adapters.kubernetes.access import Tls
from upid.adapters.kubernetes.client import (
    ClusterClient,
    Limits,
    Selection,
    WhenExpired,
    resource,
)

MAPS = resource("v1", "configmaps")
PODS = resource("v1", "pods")
MANY = 1_200


class Metadata(msgspec.Struct, rename="camel"):
    name: str
    resource_version: str


class Map(msgspec.Struct):
    metadata: Metadata
    data: dict[str, str] | None = None


def reaching(
    plane: ControlPlane,
    user: str = "admin",
    limits: Limits | None = None,
    url: str | None = None,
    token: str | None = None,
) -> ClusterClient:
    trusted = Tls(authority=plane.ca.read_bytes())
    access = access_to(url or plane.server, token or plane.token(user), tls=trusted, user=user)
    return ClusterClient(access, limits or Limits())


async def names(
    client: ClusterClient, namespace: str, expired: WhenExpired = WhenExpired.CONTINUE
) -> tuple[list[str], str, int]:
    """Return the ConfigMaps of a namespace, the moment they are of, and the number of pages."""
    found: list[str] = []
    pages, version = 0, ""
    async for one in client.list(MAPS, Map, Selection(namespace), expired=expired):
        if one.first:
            found.clear()
        found += [item.metadata.name for item in one.items]
        version, pages = one.version, pages + 1
    return found, version, pages


def fill(api: Api, path: str, count: int) -> list[str]:
    made = [f"many-{number:04}" for number in range(count)]
    for name in made:
        api.create(path, {"metadata": {"name": name}, "data": {"n": name}})
    return made
