"""Which requests are work and which are not (IDL-2)."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from upid.contexts.insights.signatures import noise_rules, shipped_signatures
from upid.core.noise import Noise, NoiseRules, Streams, is_workload, plain_path

RULES = noise_rules()
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0"


def kind(
    path: str,
    agent: str = "",
    source: str = "",
    probed: Sequence[str] = (),
    rules: NoiseRules = RULES,
) -> Noise:
    streams = Streams([path], [agent], [source], [frozenset(probed)])
    return Noise(int(rules.classify(streams)[0]))


def test_every_observed_signature_is_told_right(shared: Path) -> None:
    """IDL-2: 19 signatures of probes, checkers, monitors and business seen in the field."""
    with (shared / "data/timeseries/health_probe_signatures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = [
        row
        for row in rows
        if (kind(row["path"], row["user_agent"]) is Noise.BUSINESS)
        != (row["class"] in ("business", "business-bot", "abuse"))
    ]
    assert len(rows) == 19
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [
        "/health", "/healthz", "/ping", "/metrics", "/status", "/ready", "/readyz", "/live",
        "/livez", "/health/live", "/health/", "//health", "/HEALTH", "/metrics?name=x",
        "/metrics/cadvisor", "/healthz/etcd", "/livez?verbose", "http://10.0.0.1:80/healthz",
        "/health;v=1", "/status#top",
    ],
)  # fmt: skip
def test_a_health_path_is_noise_in_every_spelling(path: str) -> None:
    assert kind(path, "curl/8.5.0") is not Noise.BUSINESS


@pytest.mark.parametrize(
    "path",
    [
        "/healthy-recipes", "/status-page", "/status/orders/17", "/health/insurance", "/lively",
        "/readyz2", "/api/health-plans", "/metricsx", "/pingpong", "/", "", "/live/stream/9",
        "/readiness-survey", "/my/health",
    ],
)  # fmt: skip
def test_a_path_that_only_resembles_one_is_business(path: str) -> None:
    assert kind(path, "okhttp/4.12") is Noise.BUSINESS


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("kube-probe/1.31", Noise.PROBE),
        ("ELB-HealthChecker/2.0", Noise.BALANCER),
        ("GoogleHC/1.0", Noise.BALANCER),
        ("Load Balancer Agent", Noise.BALANCER),
        ("Edge Health Probe", Noise.BALANCER),
        ("Amazon-Route53-Health-Check-Service (ref 1; report http://x)", Noise.BALANCER),
        ("Envoy/HC", Noise.BALANCER),
        ("Consul Health Check", Noise.BALANCER),
        ("Prometheus/2.53.0", Noise.SCRAPE),
        ("Blackbox Exporter/0.25.0", Noise.MONITOR),
        ("Datadog Agent/7.54", Noise.MONITOR),
        ("Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", Noise.MONITOR),
        ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", Noise.MONITOR),
    ],
)
def test_a_checking_agent_is_noise_on_a_business_path(agent: str, expected: Noise) -> None:
    """IDL-2: a probe may use `/login`, where only the agent tells."""
    assert kind("/login", agent) is expected
    assert kind("/login", agent.upper(), probed=["/login"]) is expected


def test_business_on_a_probed_path_stays_business() -> None:
    assert kind("/login", CHROME, probed=["/login"]) is Noise.BUSINESS
    assert kind("/", "Go-http-client/2.0", probed=["/"]) is Noise.BUSINESS
    assert kind("/up2", "Go-http-client/1.1", "shop/Deployment/web", ["/up2"]) is Noise.BUSINESS


def test_an_old_kubelet_is_known_by_the_path_that_the_pod_declares() -> None:
    assert kind("/up2", "Go-http-client/1.1", "10.0.0.7", ["/up2"]) is Noise.PROBE
    assert kind("/up2", "Go-http-client/1.1", "10.0.0.7") is Noise.BUSINESS


def test_a_person_may_visit_a_page_called_status_but_not_metrics() -> None:
    assert kind("/status", CHROME) is Noise.BUSINESS
    assert kind("/metrics", CHROME) is Noise.SCRAPE
    assert kind("/status", "Mozilla/5.0 (compatible; SomeBot/1.0) AppleWebKit") is Noise.PROBE


def test_a_stream_of_which_nothing_is_known_is_business() -> None:
    assert kind("", "", "") is Noise.BUSINESS
    assert kind("/orders", "") is Noise.BUSINESS


def test_a_tcp_check_has_no_request_line_but_a_named_caller_is_work() -> None:
    assert kind("-", "-", "10.0.0.7") is Noise.PROBE
    assert kind("-", "-", "shop/Deployment/web") is Noise.BUSINESS


@pytest.mark.parametrize(
    "source",
    ["10.9.1.2", "10.9.1.2:5123", "fd00:9::7", "[fd00:9::7]:443", "::ffff:10.9.1.2", " 10.9.0.1 "],
)
def test_monitoring_addresses_are_noise_in_ipv4_and_ipv6(source: str) -> None:
    rules = noise_rules(monitors=["10.9.0.0/16", "fd00:9::/32"])
    assert kind("/orders", CHROME, source, rules=rules) is Noise.MONITOR
    assert kind("/orders", CHROME, source) is Noise.BUSINESS


@pytest.mark.parametrize("source", ["10.8.0.1", "fd00:8::1", "shop/Deployment/web", "", "x:y:z"])
def test_other_sources_are_not(source: str) -> None:
    rules = noise_rules(monitors=["10.9.0.0/16", "fd00:9::/32"])
    assert kind("/orders", CHROME, source, rules=rules) is Noise.BUSINESS


def test_own_paths_and_agents_come_on_top() -> None:
    rules = noise_rules(health_paths=["/alive", "/internal/*"], agents=["our-checker/"])
    assert kind("/alive", rules=rules) is Noise.PROBE
    assert kind("/alive/x", rules=rules) is Noise.BUSINESS
    assert kind("/internal/a/b", rules=rules) is Noise.PROBE
    assert kind("/orders", "our-checker/3", rules=rules) is Noise.MONITOR


def test_hostile_texts_cost_no_more_than_their_length() -> None:
    long = "/" + "a/" * 50_000
    assert kind(long, "Mozilla/" + "(" * 100_000, "1." * 50_000) is Noise.BUSINESS


def test_every_shipped_signature_says_where_it_is_from() -> None:
    assert all(s.source and s.text for s in shipped_signatures())
    assert len({(s.field, s.match, s.text) for s in shipped_signatures()}) == len(
        shipped_signatures()
    )


def test_paths_are_plain_and_sources_are_told_apart() -> None:
    assert plain_path("HTTP://Host:80/A//B/?q#f") == "/a/b"
    assert plain_path("http://host") == "/"
    assert is_workload("shop/Deployment/web")
    assert not is_workload("10.0.0.0/8")
    assert not is_workload("a//b")
