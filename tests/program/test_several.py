"""Several clusters in one command: found by their contexts, read side by side, told together.

Broken on purpose: sums of rounded figures, the failed ones left out of the exit code, one semaphore
for knocking and reading, the second context of a cluster counted, and each went red.
"""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.world.emulated import Apart, Illness, Plan, apart, kubeconfig
from upid.app.live import Wanted
from upid.app.several import read_clusters

HOLES = 12  # more than are read at once
PLANS = (
    Plan("prod-eu", pods=60),
    Plan("prod-us", pods=110),
    Plan("stage", pods=40, metrics=False),
    Plan("stage-by-vpn", pods=40, number=1002),  # the third: another address of the same cluster
    Plan("bad-page", illness=Illness.PAGE),
    Plan("bad-expired", illness=Illness.EXPIRED),
    *(Plan(f"hole-{n}", illness=Illness.BLACKHOLED) for n in range(HOLES)),
)


@pytest.fixture(scope="module")
def clusters() -> Iterator[Apart]:
    with apart(PLANS) as found:
        yield found


@pytest.fixture
def config(clusters: Apart, tmp_path: Path) -> Path:
    return kubeconfig(tmp_path / "config", clusters.ways.values())


def upid(config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UPID_", "FORCE_"))}
    return subprocess.run(
        [sys.executable, "-m", "upid", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**kept, "KUBECONFIG": str(config), "HOME": "/nonexistent", "COLUMNS": "100"},
    )


def test_a_glob_finds_clusters_and_their_sums_add_up_to_the_cent(config: Path) -> None:
    """CLU-9, EXPERIENCE 4: the same in JSON, CSV, Markdown, and on a terminal."""
    found = upid(config, "analyze", "cluster", "--context", "prod-*", "-o", "json")
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    items = {item["context"]: item for item in answer["items"]}
    assert answer["kind"] == "ClusterList"
    assert list(items) == ["prod-eu", "prod-us"]
    assert [items[name]["pods"] for name in items] == [60, 110]
    (total,) = answer["totals"]
    assert total["total_monthly_cost"] == pytest.approx(
        sum(item["total_monthly_cost"] for item in items.values())
    )
    listed = upid(config, "analyze", "cluster", "--context", "prod-*", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(listed.stdout)))
    cents = sum(Decimal(row["cost"]) for row in rows)
    assert cents == round(Decimal(str(total["total_monthly_cost"])), 2)
    for form in ("table", "markdown", "html", "wide"):
        shown = upid(config, "analyze", "--context", "prod-*", "-o", form).stdout
        assert f"${cents:,}" in shown, form


def test_contexts_can_be_named_one_after_the_other(config: Path) -> None:
    words = ("--context", "prod-us", "--context", "st*", "--context", "prod-us")
    found = upid(config, "analyze", "namespace", "shop", *words, "-o", "name")
    assert sorted(found.stdout.split()) == ["cluster/prod-us", "cluster/stage"]


def test_two_contexts_of_one_cluster_are_read_once_and_named(config: Path) -> None:
    """CLU-7: by the uid of kube-system, whatever the address."""
    found = upid(config, "analyze", "cluster", "--context", "stage*", "-o", "json")
    (item,) = json.loads(found.stdout)["items"]
    assert item["contexts"] == ["stage", "stage-by-vpn"]
    assert "same cluster as stage-by-vpn" in upid(config, "analyze", "--context", "stage*").stdout


def test_one_plain_context_is_answered_as_ever(config: Path) -> None:
    found = upid(config, "analyze", "cluster", "--context", "prod-eu", "-o", "json")
    answer = json.loads(found.stdout)
    assert answer["kind"] == "ClusterAnalysis"
    assert answer["cluster"]["name"] == "prod-eu"
    shown = upid(config, "analyze", "cluster", "--context", "prod-eu").stdout
    assert "--context prod-eu" in shown, "the next commands are about the same cluster"


def test_a_pattern_that_fits_nothing_is_an_error_that_lists_what_there_is(config: Path) -> None:
    """EXPERIENCE 4: also when another pattern fits, for it may be a slip of the hand."""
    found = upid(config, "analyze", "cluster", "--context", "prod-*", "--context", "prodd-*")
    assert found.returncode == 2
    assert "there is no context 'prodd-*'" in found.stderr
    assert "'bad-expired', 'bad-page'" in found.stderr
    assert found.stdout == ""


def test_what_fails_is_a_result_with_a_warning_and_a_code_for_who_is_strict(config: Path) -> None:
    """EXPERIENCE 1e: 0 and warnings; 4 with --strict; 3 when nothing is left."""
    words = ("analyze", "cluster", "--context", "prod-eu", "--context", "bad-*")
    found = upid(config, *words)
    assert found.returncode == 0
    assert "2 read" not in found.stdout
    assert "1 read, 2 not" in found.stdout
    assert found.stderr.count("warning: context 'bad-") == 2
    assert "hint: have whoever runs the cluster renew its certificate" in found.stderr
    assert upid(config, *words, "--strict", "-q").returncode == 4
    quiet = upid(config, *words, "-q", "-o", "json")
    assert quiet.stderr == ""
    failed = [item for item in json.loads(quiet.stdout)["items"] if item["error"]]
    assert {item["error"]["code"] for item in failed} == {"not_kubernetes", "cluster_not_trusted"}
    lost = upid(config, "analyze", "cluster", "--context", "bad-*", "-q", "--fail-on", "waste>5")
    assert lost.returncode == 3
    assert lost.stderr.count("error: context 'bad-") == 2


def test_black_holes_hold_nobody_up_longer_than_their_own_time(config: Path) -> None:
    """O1: though there are more of them than clusters are read at once."""
    started = time.monotonic()
    found = upid(config, "analyze", "--all-contexts", "--request-timeout", "3s", "-o", "json")
    took = time.monotonic() - started
    answer = json.loads(found.stdout)
    read = [item["context"] for item in answer["items"] if item["status"] == "read"]
    assert read == ["prod-eu", "prod-us", "stage"]
    assert answer["failures"] == HOLES + 2
    assert took < 15, "one after the other they would take 36 s"


def test_gates_hold_for_all_of_them_together(config: Path) -> None:
    found = upid(config, "analyze", "--context", "prod-*", "--fail-on", "waste-usd>1", "-q")
    assert found.returncode == 1
    other = upid(config, "analyze", "--context", "prod-*", "--fail-on", "waste-eur>1", "-q")
    assert other.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "web", "--all-contexts"), "about one cluster"),
        (("analyze", "pod", "x", "--context", "a*"), "about one cluster"),
        (("analyze", "--all-contexts", "--context", "prod-eu"), "contradict"),
        (("analyze", "--all-contexts", "--recording", "sample"), "--recording"),
        (("recommend", "--all-contexts", "--cluster", "x"), "--cluster 'x'"),
        (("analyze", "--context", "prod-*", "-l", "a b c"), "selector"),
    ],
)
def test_what_makes_no_sense_for_several_is_refused_before_anything_is_read(
    config: Path, words: tuple[str, ...], said: str
) -> None:
    found = upid(config, *words)
    assert found.returncode == 2
    assert said in found.stderr
    assert found.stdout == ""


def test_changes_of_several_clusters_are_one_list(config: Path) -> None:
    found = upid(config, "recommend", "--context", "prod-*", "--context", "bad-page", "-o", "json")
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert answer["kind"] == "RecommendationList"
    clusters = {one["context"]: one["error"] for one in answer["clusters"]}
    assert clusters["prod-eu"] is None
    assert clusters["bad-page"]["code"] == "not_kubernetes"
    assert "warning: context 'bad-page'" in found.stderr


def test_progress_says_how_many_are_done_and_names_those_that_are_waited_for(config: Path) -> None:
    """EXPERIENCE 4: in one line, whatever their number."""
    told: list[str] = []
    asked = Wanted(kubeconfig=str(config), request_timeout="3s")
    outcomes = dict(read_clusters(asked, ("prod-*", "hole-1*"), {}, config.parent, told.append))
    assert set(outcomes) == {"prod-eu", "prod-us", "hole-1", "hole-10", "hole-11"}
    assert told[0] == "clusters: 0 of 5 done; left: hole-1, hole-10, hole-11 and 2 more"
    assert "clusters: 2 of 5 done; left: hole-1, hole-10, hole-11" in told
    assert told[-1] == "clusters: 5 of 5 done"
