"""A certificate authority for one world, and what it signs; keys stay in the world's folder."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "30"  # longer than any world lives
_SECONDS = 30
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Authority:
    """An authority whose key and certificate lie in `folder` as `ca.key` and `ca.crt`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """Return the certificate that clients trust."""
        return self.folder / "ca.crt"

    def server(self, name: str, *names: str) -> tuple[Path, Path]:
        """Sign a server certificate for names (`DNS:…`, `IP:…`); return certificate and key."""
        extensions = (f"subjectAltName={','.join(names)}", "extendedKeyUsage=serverAuth")
        return self._sign(name, f"/CN={name}", extensions)

    def expired(self, name: str, *names: str) -> tuple[Path, Path]:
        """Sign a server certificate that ended yesterday; return certificate and key."""
        request, certificate, key = (self.folder / f"{name}.{end}" for end in ("csr", "crt", "key"))
        named = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={','.join(names)}"]
        _run("openssl", "req", *_KEY, "-keyout", str(key), "-out", str(request), *named)
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")]
        kept = ["-copy_extensions", "copyall", "-days", "-1", "-out", str(certificate)]
        _run("openssl", "x509", "-req", "-in", str(request), *signer, *kept)
        return certificate, key

    def client(self, name: str, subject: str) -> tuple[Path, Path]:
        """Sign a client certificate for a subject such as `/O=group/CN=user`."""
        return self._sign(name, subject, ("extendedKeyUsage=clientAuth",))

    def _sign(self, name: str, subject: str, extensions: tuple[str, ...]) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        added = [part for extension in extensions for part in ("-addext", extension)]
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")]
        plain = ["-addext", "basicConstraints=critical,CA:FALSE"]
        _openssl(key, certificate, subject, *signer, *plain, *added)
        return certificate, key


def authority(folder: Path) -> Authority:
    """Make an authority in a folder that only its owner may look into."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Authority(folder)
    _openssl(folder / "ca.key", made.certificate, "/CN=world")
    return made


def signing_key(folder: Path) -> tuple[Path, Path]:
    """Make the key that signs service accounts' tokens; return private and public file."""
    private, public = folder / "accounts.key", folder / "accounts.pub"
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    _run("openssl", "genpkey", *curve, "-out", str(private))
    _run("openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public))
    return private, public


def _openssl(key: Path, certificate: Path, subject: str, *rest: str) -> None:
    files = ["-keyout", str(key), "-out", str(certificate)]
    _run("openssl", "req", "-x509", *_KEY, *files, "-subj", subject, "-days", _DAYS, *rest)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
