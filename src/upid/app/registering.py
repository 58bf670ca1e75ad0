"""What the command line sends to register clusters: found as kubectl finds it, whole, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from upid.adapters.kubernetes.errors import AccessNotSendable
from upid.adapters.kubernetes.kubeconfig import Options, contexts, flattened
from upid.contexts.clusters.logic import roles
from upid.core.errors import Kind, UpidError

_SHOWN = 8  # contexts in a message


class NoContext(UpidError):
    """No context of any kubeconfig has a name like the one that was given."""

    kind = Kind.MISSING
    code = "no_context"

    def __init__(self, wanted: Sequence[str], there: Sequence[str]) -> None:
        listed = ", ".join(there[:_SHOWN]) + (" …" if len(there) > _SHOWN else "")
        super().__init__(
            f"no context is called {' or '.join(map(repr, wanted)) or 'anything'}",
            hint=f"there are: {listed}" if listed else "name a kubeconfig with --kubeconfig FILE",
        )


@dataclass(frozen=True, slots=True)
class Sendable:
    """A context as it is sent. Where it cannot be, `refused` says why, and the text is empty."""

    context: str
    server: str = ""
    kubeconfig: str = field(default="", repr=False)
    refused: UpidError | None = None
    alien: bool = False  # a service account of UPID's own would mend it


def named_contexts(
    kubeconfig: str,
    wanted: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
) -> list[str]:
    """Return the contexts whose names match one of the globs. Raises NoContext."""
    there = [one.name for one in contexts(Options(kubeconfig=kubeconfig), environment, home)]
    found = [name for name in there if any(name == w or fnmatchcase(name, w) for w in wanted)]
    if not found:
        raise NoContext(wanted, there)
    return found


def sendable(
    kubeconfig: str,
    context: str,
    environment: Mapping[str, str],
    home: Path,
    *,
    token: str = "",
) -> Sendable:
    """Return a context, else the current one, as it is sent; what is wrong is part of the answer.

    token  who is asking, instead of the context's user
    """
    options = Options(kubeconfig=kubeconfig, context=context)
    try:
        found = flattened(options, environment, home, token=token)
    except AccessNotSendable as error:
        name = str(error.details["context"])
        return Sendable(name, refused=error, alien=True)
    except UpidError as error:
        return Sendable(context, refused=error)
    return Sendable(found.context, found.server, found.text)


def account_manifest() -> str:
    """Return YAML that makes UPID's own account in a cluster: a token that may read."""
    return roles.files()["read.yaml"].partition("---\n")[2]  # without where it is written from
