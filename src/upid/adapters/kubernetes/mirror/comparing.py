"""What a list of names and versions tells that a watch did not."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from upid.adapters.kubernetes.client import Page
from upid.adapters.kubernetes.mirror.entries import Entry
from upid.adapters.kubernetes.mirror.versions import is_newer, is_older

Key = tuple[str, str]  # namespace and name


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An object as a list of metadata has it."""

    uid: str
    version: str


_TURN = 200  # names, 2 µs each, until others may use the loop

_decode = msgspec.json.Decoder(_Object).decode


async def names(pages: AsyncIterator[Page[bytes]]) -> tuple[dict[Key, Listed], str]:
    """Return the objects of a list of metadata by name, and the moment that it is of."""
    listed: dict[Key, Listed] = {}
    moment = ""
    async for page in pages:
        if page.first:
            listed.clear()
        moment = page.version
        for number, body in enumerate(page.items, 1):
            try:
                meta = _decode(body).metadata
            except msgspec.MsgspecError:
                continue
            key = (meta.namespace or "", meta.name)
            listed[key] = Listed(meta.uid, meta.resource_version)
            if number % _TURN == 0:
                await asyncio.sleep(0)
    return listed, moment


def differences(
    known: Mapping[Key, Entry], listed: Mapping[Key, Listed], moment: str, gone: AbstractSet[str]
) -> dict[Key, str]:
    """Return the objects that a list of a moment shows otherwise, with the version known of each.

    What is known to be younger than the list is none: the list is behind there. An object that is
    not known has the version "". `gone` are the UIDs of those that went since the list began.
    """
    found = {key: one.version for key, one in known.items() if _differs(one, listed, moment)}
    return found | {
        key: "" for key, one in listed.items() if key not in known and one.uid not in gone
    }


def _differs(one: Entry, listed: Mapping[Key, Listed], moment: str) -> bool:
    there = listed.get(one.key)
    if there is None:
        return not is_newer(one.version, moment) or not _compare(one.version, moment)
    if there.uid == one.uid or not one.uid:
        return is_newer(there.version, one.version)
    return is_older(one.version, there.version) or not _compare(one.version, there.version)


def _compare(one: str, other: str) -> bool:
    """Return whether two versions can be told to be older and newer."""
    return one == other or is_older(one, other) or is_older(other, one)
