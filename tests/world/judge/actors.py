"""Users who act at once and record what they did: the truth that the judge is compared with."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import httpx2

from tests.world.api import Api, ApiError, Json

NAMES = ("a", "b", "c")  # few, so that the users meet
VERBS = ("create", "patch", "patch", "apply", "replace", "delete", "dry patch", "dry delete")
MOST_SECONDS = 120  # for all operations; a second for a hundred is usual


@dataclass(frozen=True, slots=True)
class Record:
    """One operation, as its user saw it.

    mark      what it wrote, if it wrote; unique in the test
    status    200 for every success; 0 when the connection broke
    revision  resourceVersion of the answer; 0 without one
    """

    user: str
    verb: str
    resource: str
    name: str
    mark: str
    subresource: str = ""
    status: int = 200
    revision: int = 0
    uid: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the answer said so."""
        return self.status == httpx2.codes.OK

    @property
    def wrote(self) -> bool:
        """Whether it must have left one revision."""
        return self.succeeded and not self.verb.startswith("dry")

    @property
    def asked(self) -> str:
        """The verb as the API server calls it."""
        return {"apply": "patch", "replace": "update", "scale": "patch"}.get(self.verb, self.verb)


@dataclass
class Actor:
    """A user with a connection, who leaves a mark of its own with every write."""

    user: str
    api: Api
    namespace: str
    records: list[Record] = field(default_factory=list)

    def make_workload(self, name: str, replicas: int) -> Json:
        """Create a StatefulSet whose pods nobody can run."""
        labels = {"app": name}
        container = {"name": "c", "image": "localhost/none:1"}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "serviceName": name,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        return self.api.create(
            self._path("statefulsets"), {"metadata": {"name": name}, "spec": spec}
        )

    def make_pod(self, name: str) -> Json:
        """Create a pod that no node takes."""
        asks = {"requests": {"cpu": "10m"}}
        container = {"name": "c", "image": "localhost/none:1", "resources": asks}
        spec = {"containers": [container], "nodeSelector": {"no": "node"}}
        metadata = {"name": name, "labels": {"app": "judged"}}
        return self.api.create(self._path("pods"), {"metadata": metadata, "spec": spec})

    def do(self, verb: str, resource: str, name: str, number: int) -> Record:
        """Do one thing and record it, whatever comes of it."""
        mark = str(number) if verb == "scale" else f"{self.user}-{number}"
        made = Record(self.user, verb, resource, name, mark, "scale" if verb == "scale" else "")
        try:
            answer = self._asking(verb, resource, name, mark)()
        except ApiError as error:
            made = replace(made, status=error.status)
        except httpx2.TransportError:
            made = replace(made, status=0)
        else:
            metadata = answer.get("metadata", {})
            uid = metadata.get("uid") or answer.get("details", {}).get("uid", "")
            made = replace(made, uid=uid, revision=int(metadata.get("resourceVersion") or 0))
        self.records.append(made)
        return made

    def _asking(self, verb: str, resource: str, name: str, mark: str) -> Callable[[], Json]:
        api, path, content = self.api, self._path(resource, name), _content(resource, mark)
        whole = {**_TYPES[resource], "metadata": {"name": name}, **content}
        ways: dict[str, Callable[[], Json]] = {
            "create": lambda: api.create(self._path(resource), whole),
            "patch": lambda: api.patch(path, content),
            "apply": lambda: api.patch(path, whole, "apply", fieldManager=self.user, force="true"),
            "replace": lambda: api.replace(path, {**api.get(path), **content}),
            "delete": lambda: api.delete(path),
            "dry patch": lambda: api.patch(path, content, dryRun="All"),
            "dry delete": lambda: api.delete(path, {"dryRun": ["All"]}),
            "scale": lambda: api.patch(f"{path}/scale", {"spec": {"replicas": int(mark)}}),
        }
        return ways[verb]

    def _path(self, resource: str, name: str = "") -> str:
        version = _VERSIONS[resource]
        root = "/apis" if "/" in version else "/api"
        return f"{root}/{version}/namespaces/{self.namespace}/{resource}" + (
            f"/{name}" * bool(name)
        )


_VERSIONS = {
    "configmaps": "v1",
    "pods": "v1",
    "leases": "coordination.k8s.io/v1",
    "statefulsets": "apps/v1",
}
_TYPES = {
    "configmaps": {"apiVersion": "v1", "kind": "ConfigMap"},
    "leases": {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
    "statefulsets": {"apiVersion": "apps/v1", "kind": "StatefulSet"},
}


def _content(resource: str, mark: str) -> Json:
    if resource == "leases":
        return {"spec": {"holderIdentity": mark}}
    return {"data": {"mark": mark}}


def at_once(actors: Sequence[Actor], seed: int, operations: int) -> list[Record]:
    """Let all act at the same time, each `operations` times; return what they recorded.

    There has to be a workload "w" to scale. The same seed gives the same operations; how they
    interleave is up to the machine.
    """

    def work(place: int) -> None:
        drawn = random.Random(seed + place)
        for number in range(operations):
            count = 1 + place + number * len(actors)  # unique, also as a number of replicas
            resource = drawn.choice(("configmaps", "configmaps", "leases", "statefulsets"))
            if resource == "statefulsets":
                actors[place].do("scale", resource, "w", count)
            else:
                actors[place].do(drawn.choice(VERBS), resource, drawn.choice(NAMES), count)

    with ThreadPoolExecutor(len(actors)) as pool:
        list(pool.map(work, range(len(actors)), timeout=MOST_SECONDS))
    return [record for actor in actors for record in actor.records]
