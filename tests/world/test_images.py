"""An image archive says the truth about its bytes, and is the same every time."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import images, needs

_NAMES = st.text("abcdefgh", min_size=1, max_size=8)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda parts: "/".join(["opt", *parts, "f"]))
_FILES = st.dictionaries(_PATHS, st.binary(max_size=64), max_size=5)


def _members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        read = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name: file.read() for name, file in read.items() if file is not None}


def _parts(archive: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return an image's manifest, config and layer."""
    found = _members(archive.read_bytes())
    manifest = json.loads(found["manifest.json"])[0]
    return manifest, json.loads(found[manifest["Config"]]), found[manifest["Layers"][0]]


@settings(max_examples=50)
@given(files=_FILES)
def test_the_same_files_in_any_order_give_the_same_bytes(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("image")
    backwards = dict(reversed(files.items()))
    one = images.write_image(folder / "one.tar", "localhost/x:1", files, ["/x"])
    other = images.write_image(folder / "other.tar", "localhost/x:1", backwards, ["/x"])
    assert one.read_bytes() == other.read_bytes()
    assert files.items() <= _members(_parts(one)[2]).items()


def test_a_files_time_and_owner_do_not_reach_the_image(tmp_path: Path) -> None:
    written = []
    for seconds in (1, 1_000_000_000):
        program = tmp_path / f"program-{seconds}"
        program.write_bytes(b"same")
        program.chmod(0o700)
        os.utime(program, (seconds, seconds))
        target = tmp_path / f"{seconds}.tar"
        images.write_image(target, "localhost/x:1", {"bin/x": program}, ["/bin/x"])
        written.append(target.read_bytes())
    assert written[0] == written[1]


def test_the_config_names_the_digest_of_the_layer_and_is_named_by_its_own(tmp_path: Path) -> None:
    target = images.write_image(tmp_path / "x.tar", "localhost/x:7", {"x": b"content"}, ["/x", "y"])
    manifest, config, layer = _parts(target)
    config_bytes = _members(target.read_bytes())[manifest["Config"]]
    assert manifest["Config"] == hashlib.sha256(config_bytes).hexdigest() + ".json"
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    assert manifest["RepoTags"] == ["localhost/x:7"]
    assert config["config"]["Entrypoint"] == ["/x", "y"]


def test_a_program_stays_executable_and_what_is_written_by_content_does_not(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!")
    program.chmod(0o755)
    files: dict[str, Path | bytes] = {"bin/program": program, "etc/settings": b"a=1"}
    target = images.write_image(tmp_path / "x.tar", "localhost/x:1", files, ["/bin/program"])
    with tarfile.open(fileobj=io.BytesIO(_parts(target)[2])) as layer:
        assert layer.getmember("bin/program").mode == 0o755
        assert layer.getmember("etc/settings").mode == 0o644
        assert layer.getmember("tmp").mode == 0o1777


def test_every_folder_comes_before_what_lies_in_it(tmp_path: Path) -> None:
    files = {"a/b/c/file": b"", "a/file": b""}
    target = images.write_image(
        tmp_path / "x.tar", "localhost/x:1", files, ["/x"], links={"d/e/link": "../target"}
    )
    with tarfile.open(fileobj=io.BytesIO(_parts(target)[2])) as layer:
        names = layer.getnames()
    for name in names:
        for above in list(Path(name).parents)[:-1]:
            assert names.index(str(above)) < names.index(name)


def test_the_environment_reaches_the_config(tmp_path: Path) -> None:
    target = images.write_image(
        tmp_path / "x.tar", "localhost/x:1", {}, ["/x"], env={"ACTOR_CPU": "steady:0.1"}
    )
    assert "ACTOR_CPU=steady:0.1" in _parts(target)[1]["config"]["Env"]


@pytest.mark.world
def test_the_images_of_the_world_are_the_same_twice(tmp_path: Path) -> None:
    needs.need_parts("actor")
    once = images.write_all(tmp_path / "once")
    twice = images.write_all(tmp_path / "twice")
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]
    names = [_parts(path)[0]["RepoTags"] for path in once]
    assert [images.ACTOR] in names
    assert [images.PAUSE] in names


@pytest.mark.world
def test_the_images_hold_the_built_actor(tmp_path: Path) -> None:
    needs.need_parts("actor")
    archives = {path.stem: path for path in images.write_all(tmp_path)}
    actor = _members(_parts(archives["actor"])[2])["actor"]
    assert actor[:4] == b"\x7fELF"
    assert actor == _members(_parts(archives["pause"])[2])["actor"]
