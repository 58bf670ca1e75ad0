"""ConfigMaps and Secrets as they are told of: names, keys, sizes, ages; never a value (CLU-5)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec

from upid.adapters.kubernetes.client import (
    ClusterClient,
    Encoded,
    Letters,
    Row,
    Selection,
    resource,
)
from upid.core.ports.cluster_connection import ConfigMapFacts, Entry, SecretFacts

_CONFIG_MAPS = resource("v1", "configmaps")
_SECRETS = resource("v1", "secrets")
_TYPE = "Type"  # the column


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Metadata(_Camel, frozen=True):
    name: str = ""
    namespace: str = ""
    creation_timestamp: datetime | None = None
    resource_version: str = ""


class _ConfigMap(_Camel, frozen=True):
    """A ConfigMap whose values are measured and dropped while the answer is read."""

    metadata: _Metadata = _Metadata()
    data: dict[str, Letters] | None = None
    binary_data: dict[str, Encoded] | None = None
    immutable: bool | None = None


async def config_maps(
    client: ClusterClient, namespace: str | None
) -> AsyncIterator[Sequence[ConfigMapFacts]]:
    """Yield what is told of ConfigMaps, page by page."""
    asked = client.list(_CONFIG_MAPS, _ConfigMap, Selection(namespace))
    async with aclosing(asked) as pages:
        async for page in pages:
            yield [_config_map(one) for one in page.items]


async def secrets(
    client: ClusterClient, namespace: str | None
) -> AsyncIterator[Sequence[SecretFacts]]:
    """Yield what is told of Secrets, page by page."""
    async with aclosing(client.rows(_SECRETS, Selection(namespace))) as pages:
        async for page in pages:
            yield [_secret(row) for row in page.items]


def _config_map(found: _ConfigMap) -> ConfigMapFacts:
    sizes: dict[str, int] = {**(found.data or {}), **(found.binary_data or {})}
    about = found.metadata
    return ConfigMapFacts(
        namespace=about.namespace,
        name=about.name,
        created=about.creation_timestamp,
        version=about.resource_version,
        entries=tuple(Entry(key, int(size)) for key, size in sorted(sizes.items())),
        immutable=bool(found.immutable),
    )


def _secret(row: Row) -> SecretFacts:
    return SecretFacts(row.namespace, row.name, row.cells.get(_TYPE, ""), row.created, row.version)
