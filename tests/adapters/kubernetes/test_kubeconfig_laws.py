"""The laws of kubeconfigs: who names something first keeps it, flags go first, errors name ways."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.adapters.kubernetes import documents, in_cluster
from upid.adapters.kubernetes.errors import (
    FlagInvalid,
    KubeconfigInvalid,
    KubeconfigMissing,
    KubeconfigNameMissing,
    NoCluster,
)
from upid.adapters.kubernetes.kubeconfig import Options, contexts, find_access
from upid.adapters.kubernetes.kubeconfig.merging import Merged, merge
from upid.adapters.kubernetes.kubeconfig.proxies import proxy_for
from upid.adapters.kubernetes.kubeconfig.reading import parse
from upid.adapters.kubernetes.kubeconfig.servers import seconds
from upid.adapters.kubernetes.kubeconfig.types import (
    Cluster,
    Context,
    Kubeconfig,
    NamedCluster,
    NamedContext,
    NamedUser,
    User,
)

SECRET = "s3cr3t-canary-0815"  # noqa: S105 - planted to be looked for
names = st.sampled_from("abcd")


@st.composite
def kubeconfigs(draw: st.DrawFn) -> Kubeconfig:
    text = st.text("xyz", max_size=3)
    return Kubeconfig(
        current_context=draw(st.sampled_from(["", "a", "b"])),
        clusters=[
            NamedCluster(name, Cluster(server=draw(text), certificate_authority=draw(text)))
            for name in draw(st.lists(names, unique=True))
        ],
        users=[
            NamedUser(name, User(token=draw(text))) for name in draw(st.lists(names, unique=True))
        ],
        contexts=[
            NamedContext(name, Context(cluster=draw(names), user=draw(names)))
            for name in draw(st.lists(names, unique=True))
        ],
    )


def at(files: list[Kubeconfig]) -> list[tuple[Path, Kubeconfig]]:
    return [(Path(f"/f{number}/config"), one) for number, one in enumerate(files)]


def maps(merged: Merged) -> tuple[object, ...]:
    return merged.current, merged.clusters, merged.users, merged.contexts, merged.origins


def spelled(
    cluster: dict[str, Any] | None = None,
    *,
    current: str = "a",
    names: tuple[str, ...] = ("a",),
) -> str:
    context = {"cluster": "c", "user": "u"}
    return json.dumps(
        {
            "current-context": current,
            "contexts": [{"name": name, "context": context} for name in names],
            "clusters": [
                {"name": "c", "cluster": {"server": "https://k8s.example.com", **(cluster or {})}}
            ],
            "users": [{"name": "u", "user": {"token": SECRET}}],
        }
    )


@given(st.lists(kubeconfigs(), max_size=4))
def test_whoever_names_something_first_keeps_it_whole(files: list[Kubeconfig]) -> None:
    """CLU-1."""
    merged = merge(at(files))

    for name in "abcd":
        first = next((c.user for f in files for c in f.users if c.name == name), None)
        assert merged.users.get(name) == first
        context = next((c.context for f in files for c in f.contexts if c.name == name), None)
        assert merged.contexts.get(name) == context
        server = next((c.cluster.server for f in files for c in f.clusters if c.name == name), None)
        found = merged.clusters.get(name)
        assert (found and found.server) == server
    assert merged.current == next((f.current_context for f in files if f.current_context), "")


@given(st.lists(kubeconfigs(), max_size=4))
def test_reading_a_file_twice_changes_nothing(files: list[Kubeconfig]) -> None:
    assert maps(merge([*at(files), *at(files)])) == maps(merge(at(files)))


@given(st.lists(kubeconfigs(), min_size=1, max_size=4), kubeconfigs())
def test_a_later_file_only_adds_what_nobody_named(
    files: list[Kubeconfig], later: Kubeconfig
) -> None:
    before = merge(at(files))
    after = merge([*at(files), (Path("/later/config"), later)])

    for sort in ("clusters", "users", "contexts"):
        kept = getattr(before, sort)
        added = getattr(after, sort)
        assert {name: added[name] for name in kept} == kept
        assert set(added) - set(kept) <= {one.name for one in getattr(later, sort)}


@given(st.lists(kubeconfigs(), min_size=2, max_size=4))
def test_a_relative_path_belongs_to_the_folder_of_its_file(files: list[Kubeconfig]) -> None:
    for name, cluster in merge(at(files)).clusters.items():
        number = next(i for i, f in enumerate(files) if name in {c.name for c in f.clusters})
        if cluster.certificate_authority:
            assert Path(cluster.certificate_authority).parent == Path(f"/f{number}")


def test_files_that_are_not_there_are_passed_over_but_not_the_flags_file(tmp_path: Path) -> None:
    """CLU-1."""
    there = tmp_path / "there"
    there.write_text(spelled())
    listed = {"KUBECONFIG": f"{tmp_path / 'no'}:{there}::{there}"}

    assert find_access(Options(), listed, tmp_path).server == "https://k8s.example.com"
    with pytest.raises(KubeconfigMissing):
        find_access(Options(kubeconfig=str(tmp_path / "no")), listed, tmp_path)


def test_one_broken_file_of_several_is_an_error(tmp_path: Path) -> None:
    good, broken = tmp_path / "good", tmp_path / "broken"
    good.write_text(spelled())
    broken.write_text("contexts: [")

    with pytest.raises(KubeconfigInvalid, match="broken"):
        find_access(Options(), {"KUBECONFIG": f"{good}:{broken}"}, tmp_path)


def test_the_flag_goes_before_the_variable_before_the_home_folder_before_the_pod(
    tmp_path: Path,
) -> None:
    """CLU-1."""
    home, pod = tmp_path / "home", tmp_path / "pod"
    (home / ".kube").mkdir(parents=True)
    pod.mkdir()
    (pod / "token").write_text("pod")
    (pod / "namespace").write_text("inside")
    (home / ".kube" / "config").write_text(spelled(cluster={"server": "https://home.example.com"}))
    for name in ("flag", "variable"):
        text = spelled(cluster={"server": f"https://{name}.example.com"})
        (tmp_path / name).write_text(text)
    flags = Options(kubeconfig=str(tmp_path / "flag"))
    inside = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    listed = {**inside, "KUBECONFIG": str(tmp_path / "variable")}

    def server(options: Options, environment: dict[str, str], folder: Path) -> str:
        return find_access(options, environment, folder, pod=pod).server

    assert server(flags, listed, home) == "https://flag.example.com"
    assert server(Options(), listed, home) == "https://variable.example.com"
    assert server(Options(), inside, home) == "https://home.example.com"
    access = find_access(Options(as_="jane"), inside, tmp_path, pod=pod)
    assert (access.server, access.namespace) == ("https://[fd00::1]:443", "inside")
    assert access.impersonate == (("Impersonate-User", "jane"),)
    assert [one.name for one in contexts(Options(), inside, tmp_path, pod=pod)] == ["in-cluster"]


def test_nothing_found_names_each_way_why_it_failed_and_what_to_do(tmp_path: Path) -> None:
    """CLU-1."""
    with pytest.raises(NoCluster) as caught:
        find_access(Options(), {}, tmp_path, pod=tmp_path)

    error = caught.value
    for way in ("--server", "--kubeconfig", "KUBECONFIG", "~/.kube/config", in_cluster.NAME):
        assert f"{way}: " in error.message
    tried = error.details["tried"]
    assert isinstance(tried, list)
    assert all(one["why"] and one["remedy"] and one["remedy"] in error.hint for one in tried)


def test_a_file_without_a_current_context_lists_what_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(spelled(current="", names=("prod", "test")))

    with pytest.raises(NoCluster) as caught:
        find_access(Options(kubeconfig=str(path)), {}, tmp_path, pod=tmp_path)

    assert "no current-context" in caught.value.message
    assert "prod, test" in caught.value.hint


@pytest.mark.parametrize("sort", ["context", "cluster", "user"])
def test_a_name_that_a_flag_gave_and_no_file_has_is_an_error(tmp_path: Path, sort: str) -> None:
    path = tmp_path / "config"
    path.write_text(spelled())
    named: dict[str, Any] = {sort: "nowhere"}

    with pytest.raises(KubeconfigNameMissing) as caught:
        find_access(Options(kubeconfig=str(path), **named), {}, tmp_path)

    assert caught.value.details == {sort: "nowhere"}


def test_globs_choose_contexts(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(spelled(names=("prod-eu", "prod-us", "test")))

    def chosen(glob: str) -> list[str]:
        found = contexts(Options(kubeconfig=str(path), context=glob), {}, tmp_path)
        return [one.name for one in found]

    assert chosen("") == ["prod-eu", "prod-us", "test"]
    assert chosen("prod-*") == ["prod-eu", "prod-us"]
    assert chosen("test") == ["test"]


def test_the_system_is_not_trusted_less_because_of_a_flag(tmp_path: Path) -> None:
    """CLU-1: the check is skipped only on request."""
    path = tmp_path / "config"
    path.write_text(spelled(cluster={"tls-server-name": "inner"}))

    def tls(options: Options) -> tuple[bool, str | None]:
        found = find_access(options, {"KUBECONFIG": str(path)}, tmp_path).tls
        return found.insecure, found.server_name

    other = "https://other.example.com"
    assert tls(Options()) == (False, "inner")
    assert tls(Options(insecure=True)) == (True, "inner")
    assert tls(Options(server=other)) == (False, None)
    assert tls(Options(server=other, tls_server_name="x")) == (False, "x")


def test_without_https_no_credentials_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(spelled(cluster={"server": "http://localhost:8001"}))

    access = find_access(Options(kubeconfig=str(path)), {}, tmp_path)

    assert access.credentials.certificate() is None
    assert access.proxy is None


def test_finding_a_cluster_runs_no_command(tmp_path: Path) -> None:
    """A8: other clients run commands of a kubeconfig when they read it."""
    path, marker = tmp_path / "config", tmp_path / "ran"
    found = json.loads(spelled())
    found["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "interactiveMode": "Never",
            "command": "touch",
            "args": [str(marker)],
        }
    }
    path.write_text(json.dumps(found))

    access = find_access(Options(kubeconfig=str(path)), {"PATH": "/usr/bin:/bin"}, tmp_path)

    assert access.credentials.certificate() is None
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    [
        f"users: [{{name: u, user: {{token: [{SECRET}]}}}}]",
        f"users: [{{name: u, user: {{token: '{SECRET}}}}}]",
        f"users:\n- {SECRET}: [\n",
        f"users: [{{name: u, user: {{client-key-data: '%{SECRET}'}}}}]",
        f"token: {SECRET}\n\tx: y",
        f"{SECRET}",
        f"a: *{SECRET}",
        f"a: &{SECRET} 1\nb: !!int {SECRET}",
        f'a: "\\x{SECRET}"',
    ],
)
def test_no_error_repeats_what_stands_in_the_file(text: str) -> None:
    """A9."""
    with pytest.raises(KubeconfigInvalid) as caught:
        parse(text.encode(), "here")

    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    """A9."""
    path = tmp_path / "config"
    path.write_text(spelled(cluster={"proxy-url": f"http://me:{SECRET}@proxy:3128"}))
    options = Options(kubeconfig=str(path), token=SECRET)

    access = find_access(options, {}, tmp_path)

    assert SECRET not in f"{options!r} {access!r} {access.credentials!r}"
    assert SECRET not in repr(parse(path.read_bytes(), "here").users)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12))
def test_what_is_quoted_is_text_whatever_it_looks_like(text: str) -> None:
    assert documents.read(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("yes", True), ("On", True), ("n", False), ("~", None), ("", None), ("0x1F", 31)),
        *(("0o17", 15), ("017", 15), ("1_000", 1000), ("09", 9.0), ("1e5", 1e5), (".5", 0.5)),
        *(("2024-01-01", "2024-01-01"), ("12:30:45", "12:30:45"), ("1.2.3", "1.2.3")),
        *(("99999999999999999999", 1e20), ("0x" + "f" * 40, "0x" + "f" * 40), ("-1", -1)),
        *(("!!str 12", "12"), ("!mine x", "x"), ("!!float 1", 1.0), ("yEs", "yEs")),
    ],
)
def test_plain_scalars_mean_what_they_mean_to_go(text: str, value: object) -> None:
    assert documents.read(f"a: {text}".encode()) == {"a": value}


def test_references_that_grow_without_end_are_refused() -> None:
    """A8."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(documents.NotADocument, match="values"):
        documents.read(bomb.encode())
    with pytest.raises(documents.NotADocument):
        documents.read(b"a: &a [*a]")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("5", 5), ("0", 0), ("5s", 5), ("1m30s", 90), ("1.5h", 5400), ("100ms", 0.1), ("2h45m", 9900)],
)
def test_timeouts_are_read_as_kubectl_reads_them(said: str, meant: float) -> None:
    assert seconds(said) == pytest.approx(meant)


@pytest.mark.parametrize("said", ["soon", "5x", "-5s", "5 s", "s", "1h-5m"])
def test_a_timeout_that_means_nothing_is_an_error(tmp_path: Path, said: str) -> None:
    with pytest.raises(FlagInvalid, match="--request-timeout"):
        find_access(Options(request_timeout=said), {}, tmp_path)


@pytest.mark.parametrize(
    ("server", "excepted", "through"),
    [
        ("https://k8s.corp:6443", "", True),
        ("https://k8s.corp:6443", "corp", False),
        ("https://k8s.corp:6443", ".corp", False),
        ("https://k8s.corp:6443", "*.corp", False),
        ("https://corp", ".corp", True),
        ("https://corp", "corp", False),
        ("https://scorp", "corp", True),
        ("https://k8s.corp:6443", "k8s.corp:443", True),
        ("https://k8s.corp:6443", "k8s.corp:6443", False),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://11.1.2.3", "10.0.0.0/8,x", True),
        ("https://[fd00::1]:6443", "fd00::1", False),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://k8s.corp", "*", False),
        ("https://k8s.corp", " k8s.corp ", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.9:6443", "", False),
        ("http://k8s.corp", "", False),
    ],
)
def test_a_proxy_is_taken_from_the_environment_as_go_does(
    server: str, excepted: str, *, through: bool
) -> None:
    """CLU-1."""
    environment = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": excepted}

    assert proxy_for(server, environment) == ("http://proxy:3128" if through else None)
