"""The key file is made once, whole, for its owner only (SEC-9, A11).

Broken on purpose               Red test
written in place                made_at_once_by_several
`os.replace` for `os.link`      made_at_once_by_several
the mode is not looked at       open_to_others
"""

import base64
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from tests.kit.forks import STRANGER
from tests.kit.test_crypto import answers
from upid.kit.crypto import Cell, Keys, Vault
from upid.kit.keyfile import KeyFileInvalid, KeyFileOpen, KeyFileRefused, keys_in

CELL = Cell("default", "clusters", "credentials", "cl_1")


def written(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def of(*versions: object, size: int = 32, form: str = "upid-keys/1") -> str:
    key = base64.b64encode(b"k" * size).decode()
    return json.dumps({"format": form, "keys": [{"version": v, "key": key} for v in versions]})


def test_the_first_use_makes_a_key_that_later_uses_find(tmp_path: Path) -> None:
    path = tmp_path / "upid.key"
    sealed = Vault(Keys.from_file(path)).seal(b"secret", CELL)

    assert Vault(Keys.from_file(path)).open(sealed, CELL) == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["upid.key"]  # no draft is left


def test_a_loose_umask_makes_no_open_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys_in(tmp_path / "upid.key")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "upid.key").stat().st_mode) == 0o600


def test_every_file_has_a_key_of_its_own(tmp_path: Path) -> None:
    made = [keys_in(tmp_path / f"{number}.key")[1] for number in range(50)]

    assert len(set(made)) == 50
    assert all(len(key) == 32 for key in made)


def test_a_file_made_at_once_by_several_processes_has_one_key(root: Path, tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}.key"
        found = answers(root, "make", str(path))
        assert len(found) == 6
        assert set(found) == {keys_in(path)[1]}
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777, 0o610])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "upid.key", of(1), mode)
    with pytest.raises(KeyFileOpen, match=f"mode {mode:04o}") as caught:
        Keys.from_file(path)

    assert f"chmod 600 {path}" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
@pytest.mark.parametrize(
    ("owner", "mode", "good"),
    [(0, 0o640, True), (0, 0o440, True), (0, 0o644, False), (0, 0o660, False), (1, 0o600, False)],
)
def test_a_file_of_the_system_may_be_read_by_its_group(
    root: Path, owner: int, mode: int, good: bool
) -> None:
    """As Kubernetes mounts a secret for a user's group."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # pytest's own folders let no other user in
        path = written(Path(folder) / "upid.key", of(1), mode)
        os.chown(path, owner, STRANGER)
        (told,) = answers(root, "read", str(path))

    assert told.decode() in ({"read"} if good else {"key_file_open", "key_file_refused"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "{}",
        "[]",
        "null",
        b"\xff\xfe",
        "[" * 20_000,
        of(),
        of(1, form="upid-keys/2"),
        of(1, size=16),
        of(1, size=33),
        of(1, 2),  # not the newest first
        of(1, 1),
        of(0),
        of(-1),
        of(2**32),
        of(True),
        of("1"),
        of(1.0),
        of(None),
        of(1).replace('"key": "', '"key": "!'),
        of(1).replace('"key": "', '"key": ["') + "]",
        of(1) + " " * 70_000,
        '{"format": "upid-keys/1", "keys": {"1": "x"}}',
        '{"format": "upid-keys/1", "keys": [7]}',
        '{"format": "upid-keys/1", "keys": [{"version": [], "key": ""}]}',
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, text: str | bytes) -> None:
    path = written(tmp_path / "upid.key", text)
    with pytest.raises(KeyFileInvalid, match=r"upid\.key"):
        Keys.from_file(path)

    assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())


def test_several_versions_are_read_and_the_newest_seals(tmp_path: Path) -> None:
    keys = Keys.from_file(written(tmp_path / "upid.key", of(7, 3, 1)))

    assert keys.newest == 7
    assert keys.get(3) == b"k" * 32
    assert keys.get(2) is None


def test_a_place_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefused, match="No such file"):
        Keys.from_file(tmp_path / "nowhere" / "upid.key")
    for place in (tmp_path, Path("/dev/null")):
        with pytest.raises(KeyFileInvalid, match="not a file"):
            Keys.from_file(place)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "upid.key", 0o600)
    with pytest.raises(KeyFileInvalid, match="not a file"):
        Keys.from_file(tmp_path / "upid.key")
