"""Several contexts of the merged kubeconfig: found by globs, each with its own access or error."""

import json
from pathlib import Path

import pytest

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.errors import (
    FlagInvalid,
    KubeconfigInvalid,
    KubeconfigNameMissing,
    NoCluster,
)
from upid.adapters.kubernetes.kubeconfig import Found, Options, find_several

EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in"}


def written(path: Path, *names: str, **user: object) -> Path:
    """Write a kubeconfig in which each name is a context, a cluster and a user."""
    config = {
        "current-context": "",
        "clusters": [
            {"name": name, "cluster": {"server": f"https://{name.strip('*')}.example"}}
            for name in names
        ],
        "users": [{"name": name, "user": user or {"token": name}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
    }
    path.write_text(json.dumps(config))
    return path


def found(home: Path, *patterns: str, **environment: str) -> list[Found]:
    return find_several(Options(), patterns, environment, home, pod=home / "no-pod")


def test_globs_find_contexts_of_all_files_and_the_first_file_keeps_a_name(tmp_path: Path) -> None:
    """EXPERIENCE 4: by kubectl's rules of merging."""
    work = written(tmp_path / "work", "prod-eu", "prod-us", "stage")
    home = written(tmp_path / "home", "prod-us", "lab")
    config = f"{work}:{home}"
    assert [one.name for one in found(tmp_path, KUBECONFIG=config)] == [
        "lab", "prod-eu", "prod-us", "stage"
    ]  # fmt: skip
    chosen = found(tmp_path, "prod-*", "lab", KUBECONFIG=config)
    assert [one.name for one in chosen] == ["lab", "prod-eu", "prod-us"]
    (american,) = [one.access for one in chosen if one.name == "prod-us"]
    assert isinstance(american, Access)
    assert str(work) in american.origin or "work" in american.origin


def test_a_name_that_looks_like_a_glob_is_found_by_itself(tmp_path: Path) -> None:
    config = written(tmp_path / "config", "odd[1]", "odd1")
    assert "odd[1]" in [one.name for one in found(tmp_path, "odd[1]", KUBECONFIG=str(config))]


def test_a_pattern_that_fits_nothing_is_an_error_that_lists_what_there_is(tmp_path: Path) -> None:
    config = written(tmp_path / "config", "a", "b")
    with pytest.raises(KubeconfigNameMissing) as refused:
        found(tmp_path, "a", "prod-*", KUBECONFIG=str(config))
    assert "'prod-*'" in refused.value.message
    assert "'a', 'b'" in refused.value.hint


def test_a_context_that_cannot_be_used_hides_no_other(tmp_path: Path) -> None:
    config = written(tmp_path / "config", "good", "bad")
    plain = json.loads(config.read_text())
    plain["clusters"][1]["cluster"]["server"] = "ftp://nowhere"
    config.write_text(json.dumps(plain))
    bad, good = found(tmp_path, KUBECONFIG=str(config))
    assert isinstance(bad.access, KubeconfigInvalid)
    assert isinstance(good.access, Access)


def test_of_several_nobody_asks_the_person_at_the_terminal(tmp_path: Path) -> None:
    """Two log-ins at once would mix; one that insists says so itself."""
    config = written(tmp_path / "c", "a", "b", exec=EXEC | {"interactiveMode": "IfAvailable"})
    for one in found(tmp_path, KUBECONFIG=str(config)):
        assert isinstance(one.access, Access)
        assert one.access.credentials._command.interactive == "Never"  # type: ignore[attr-defined]


def test_a_flag_that_is_wrong_is_wrong_for_all(tmp_path: Path) -> None:
    config = written(tmp_path / "config", "a", "b")
    options = Options(kubeconfig=str(config), request_timeout="soon")
    with pytest.raises(FlagInvalid):
        find_several(options, (), {}, tmp_path)


def test_without_any_context_every_way_that_was_tried_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoCluster) as refused:
        found(tmp_path)
    assert any(way.name == "KUBECONFIG" for way in refused.value.ways)
