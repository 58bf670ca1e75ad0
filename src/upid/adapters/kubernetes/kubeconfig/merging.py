"""Several kubeconfigs as one, by kubectl's law: whoever names something first keeps it.

A name is taken as a whole: what a later file says of the same cluster, user or context does not
count, not even fields that the first left out. A relative path belongs to the file it stands in.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from upid.adapters.kubernetes.errors import KubeconfigInvalid, KubeconfigMissing
from upid.adapters.kubernetes.kubeconfig import reading
from upid.adapters.kubernetes.kubeconfig.types import Cluster, Context, Exec, Kubeconfig, User


@dataclass(frozen=True, slots=True)
class Merged:
    """What all files say together; the maps are in the order of the files.

    files    those that were read, in the order in which they count
    missing  those that were looked for in vain
    """

    current: str = ""
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    contexts: Mapping[str, Context] = field(default_factory=dict)
    origins: Mapping[str, Path] = field(default_factory=dict)  # of the contexts
    files: Sequence[Path] = ()
    missing: Sequence[Path] = ()

    @property
    def where(self) -> str:
        """Return the files' names for a message."""
        return ", ".join(f"'{path}'" for path in self.files) or "any kubeconfig"


def candidates(explicit: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Return the files to read: the flag's one, or those of `KUBECONFIG`, or the home folder's."""
    if explicit:
        return [Path(explicit)]
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return [Path(one) for one in dict.fromkeys(listed.split(os.pathsep)) if one]
    return [home / ".kube" / "config"]


def load(explicit: str, environment: Mapping[str, str], home: Path) -> Merged:
    """Read and merge the files that there are.

    Raises `KubeconfigMissing` when the flag's file is not there, `KubeconfigInvalid` when one of
    the others is there and broken: what it would have said is not guessed.
    """
    found: list[tuple[Path, Kubeconfig]] = []
    missing: list[Path] = []
    for path in candidates(explicit, environment, home):
        read = reading.read(path)
        if read is not None:
            found.append((path, read))
        elif explicit:
            raise KubeconfigMissing(path)
        else:
            missing.append(path)
    return replace(merge(found), missing=tuple(missing))


def merge(found: Sequence[tuple[Path, Kubeconfig]]) -> Merged:
    """Merge kubeconfigs, the first of which counts most; `path` is where each one stands."""
    current = ""
    clusters: dict[str, Cluster] = {}
    users: dict[str, User] = {}
    contexts: dict[str, Context] = {}
    origins: dict[str, Path] = {}
    for path, one in found:
        folder = path.parent.absolute()
        current = current or one.current_context
        for cluster in one.clusters:
            clusters.setdefault(cluster.name, _cluster_in(folder, cluster.cluster))
        for user in one.users:
            users.setdefault(user.name, _user_in(folder, user.user))
        for context in one.contexts:
            contexts.setdefault(context.name, context.context)
            origins.setdefault(context.name, path)
    files = tuple(path for path, _ in found)
    return Merged(current, clusters, users, contexts, origins, files)


def _cluster_in(folder: Path, cluster: Cluster) -> Cluster:
    return msgspec.structs.replace(
        cluster, certificate_authority=_resolved(folder, cluster.certificate_authority)
    )


def _user_in(folder: Path, user: User) -> User:
    return msgspec.structs.replace(
        user,
        client_certificate=_resolved(folder, user.client_certificate),
        client_key=_resolved(folder, user.client_key),
        token_file=_resolved(folder, user.token_file),
        exec=user.exec and _command_in(folder, user.exec),
    )


def _command_in(folder: Path, command: Exec) -> Exec:
    """Resolve a command with a slash; one without is looked for on the PATH."""
    if os.sep not in command.command:
        return command
    return msgspec.structs.replace(command, command=_resolved(folder, command.command))


def _resolved(folder: Path, path: str) -> str:
    return os.path.normpath(folder / path) if path and not Path(path).is_absolute() else path


def invalid(merged: Merged, why: str, hint: str = "") -> KubeconfigInvalid:
    """Return the error that says what is wrong in these files."""
    return KubeconfigInvalid(merged.where, why, hint)
