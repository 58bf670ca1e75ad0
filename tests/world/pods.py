"""Pods that run the actor: the specification that most tests start from."""

from tests.world import images
from tests.world.api import Json

HTTP, GRPC, TCP = 8080, 9090, 7000  # the actor's ports


def actor(
    *arguments: str,
    cpu: str | None = None,
    memory: str | None = None,
    probes: Json | None = None,
    resources: Json | None = None,
) -> Json:
    """Return a pod's specification of one container, `actor`, that behaves as told.

    cpu, memory  schedules, such as `steady:0.1` and `steady:64Mi`
    probes       `readinessProbe` and so on, beside the one that finds it ready
    resources    requests and limits; none, which makes it BestEffort, unless given
    """
    schedules = {"--cpu": cpu, "--memory": memory}
    told = [f"{flag}={value}" for flag, value in schedules.items() if value]
    container: Json = {
        "name": "actor",
        "image": images.ACTOR,
        "imagePullPolicy": "Never",
        "args": [*told, *arguments],
        "ports": [{"containerPort": port} for port in (HTTP, GRPC, TCP)],
        "readinessProbe": probe("/readyz"),
        "resources": resources or {},
        **(probes or {}),
    }
    return {
        "terminationGracePeriodSeconds": 1,
        "dnsPolicy": "None",  # there is no DNS server in the world
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "containers": [container],
    }


def probe(path: str, period: int = 1, request_id: str | None = None) -> Json:
    """Return an HTTP probe of the actor, every `period` seconds.

    With `request_id` the actor's ledger has a line for each: others it only counts.
    """
    asked: Json = {"path": path, "port": HTTP}
    if request_id is not None:
        asked["httpHeaders"] = [{"name": "X-Request-Id", "value": request_id}]
    return {"httpGet": asked, "periodSeconds": period}
