"""Who is asking: tokens, files that rotate, certificates, commands and issuers; in memory only."""

from upid.adapters.kubernetes.credentials.commands import VERSIONS, Command, CommandCredentials
from upid.adapters.kubernetes.credentials.issuers import IssuedToken, Issuer
from upid.adapters.kubernetes.credentials.proofs import (
    Bearer,
    FilePair,
    FileToken,
    FixedPair,
    FixedToken,
    Pair,
    Proofs,
    bearing,
)

__all__ = [
    "VERSIONS",
    "Bearer",
    "Command",
    "CommandCredentials",
    "FilePair",
    "FileToken",
    "FixedPair",
    "FixedToken",
    "IssuedToken",
    "Issuer",
    "Pair",
    "Proofs",
    "bearing",
]
