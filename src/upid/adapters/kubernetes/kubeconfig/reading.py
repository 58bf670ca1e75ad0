"""One kubeconfig file: from text to its parts, with the place of what is wrong in it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from upid.adapters.kubernetes import documents
from upid.adapters.kubernetes.errors import KubeconfigInvalid
from upid.adapters.kubernetes.kubeconfig.types import Kubeconfig, decoded

_NAMED = ("clusters", "users", "contexts")


def parse(text: bytes, where: str) -> Kubeconfig:
    """Return the parts of a kubeconfig; nothing in it is the empty one.

    where  what messages call it, such as `'/home/ana/.kube/config'`

    Raises `KubeconfigInvalid`, with the place but never the value of what is wrong.
    """
    try:
        plain = documents.read(text)
    except documents.NotADocument as error:
        raise KubeconfigInvalid(where, str(error)) from None
    if plain is None:
        return Kubeconfig()
    if not isinstance(plain, dict):
        raise KubeconfigInvalid(where, "it is a list or a single value, not a kubeconfig")
    try:
        found = msgspec.convert(_without_nulls(plain), Kubeconfig)
    except msgspec.ValidationError as error:
        raise KubeconfigInvalid(where, str(error)) from None
    _check(found, where)
    return found


def read(path: Path) -> Kubeconfig | None:
    """Return the parts of a file, or None when there is no file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise KubeconfigInvalid(f"'{path}'", f"it cannot be read: {why}") from None
    return parse(text, f"'{path}'")


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any YAML
    """Return a value without the fields that are null; what extensions hold stays as it is."""
    if isinstance(value, dict):
        return {
            name: inner if name == "extension" else _without_nulls(inner)
            for name, inner in value.items()
            if inner is not None
        }
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _check(found: Kubeconfig, where: str) -> None:
    if (found.kind or "Config", found.api_version or "v1") != ("Config", "v1"):
        raise KubeconfigInvalid(
            where, f"it is a {found.kind or 'Config'!r} of {found.api_version or 'v1'!r}"
        )
    for sort in _NAMED:
        _check_names(sort, (one.name for one in getattr(found, sort)), where)
    for named in found.clusters:
        place = f"clusters[{named.name!r}].cluster"
        _check_base64(
            f"{place}.certificate-authority-data", named.cluster.certificate_authority_data, where
        )
    for user in found.users:
        place = f"users[{user.name!r}].user"
        _check_base64(f"{place}.client-certificate-data", user.user.client_certificate_data, where)
        _check_base64(f"{place}.client-key-data", user.user.client_key_data, where)


def _check_names(sort: str, names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise KubeconfigInvalid(where, f"two of its {sort} are called {name!r}")
        seen.add(name)


def _check_base64(place: str, data: str, where: str) -> None:
    try:
        decoded(data)
    except ValueError as error:
        raise KubeconfigInvalid(where, f"{place}: {error}") from None
