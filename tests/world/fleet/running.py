"""A fleet that runs: counted, and changed while a test looks on."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.world.api import Api, ApiError, Json
from tests.world.control_plane import ControlPlane
from tests.world.fleet import shapes
from tests.world.fleet.census import Census, Pod, pages
from tests.world.fleet.plan import Plan
from tests.world.fleet.together import at_once

Through = Literal["controllers", "binding"]
Answer = Literal["Deferred", "Infeasible", "Error"]

RESIZE = "fleet.test/resize"  # annotation of a pod: how its node answers a resize
COMPLETE = "fleet.test/complete"  # annotation of a Job's pod: end it
SLOW = "fleet.test/ready-after"  # annotation of a pod: how long it takes to start, such as "2s"
UNREADY = "fleet.test/unready"  # annotation of a pod: it fails its readiness probe
TAKES = "fleet.test/resize-takes"  # annotation of a pod: how long a resize takes, such as "2s"
_SECONDS_PER_POD, _LEAST_SECONDS = 0.05, 60  # a bound; measured is a fifth of it
_NOT_FOUND = 404
_CHURNED = ("ReplicaSet", "StatefulSet", "DaemonSet")  # a Job counts a deleted pod as failed


@dataclass(frozen=True)
class Fleet:
    """Simulated nodes and pods in a running control plane."""

    control_plane: ControlPlane
    api: Api
    plan: Plan
    through: Through
    log: Path  # of the simulator

    def census(self) -> Census:
        """Return the fleet's pods, read now."""
        return self._census().read()

    def wait(self, what: str, check: Callable[[Census], bool], seconds: float = 60) -> Census:
        """Follow the fleet's pods until `check` holds; return them.

        Raises `WaitedInVain`.
        """
        found = self._census()
        found.wait(what, check, seconds, self.log)
        return found

    def wait_ready(self, seconds: float | None = None) -> Census:
        """Wait until every pod of the plan is Running and Ready, and there is no other."""
        wanted = self.plan.pods
        bound = max(_LEAST_SECONDS, wanted * _SECONDS_PER_POD)

        def all_ready(found: Census) -> bool:
            return found.ready == wanted == len(found.pods)

        return self.wait(f"{wanted} pods to be Ready", all_ready, seconds or bound)

    def nodes(self) -> list[Json]:
        """Return the simulated nodes."""
        return list(pages(self.api, "/api/v1/nodes", labelSelector=f"{shapes.FAKE}=fake"))

    def pods(self, **query: str) -> list[Json]:
        """Return the fleet's pods whole; `query` such as fieldSelector="spec.nodeName=fleet-3"."""
        return list(pages(self.api, "/api/v1/pods", labelSelector=shapes.FLEET, **query))

    def pod(self, namespace: str, name: str) -> Json:
        """Return one pod."""
        return self.api.get(_pod(namespace, name))

    def churn(self, count: int, seed: int = 0) -> list[str]:
        """Delete `count` pods and wait for others in their place; return the uids that went.

        Which ones is drawn from the sorted names by `seed`. Through "binding" the same pods are
        created again; else their controllers do it, with names of their own.
        """
        there = {uid: pod for uid, pod in self.census().pods.items() if pod.is_ready}
        churned = self._churnable(there)
        going = random.Random(seed).sample(churned, count)
        again = self._bodies([there[uid] for uid in going]) if self.through == "binding" else []
        at_once(lambda uid: self._delete(there[uid]), going)
        wanted, gone = self.plan.pods, set(going)
        self.wait(f"{count} deleted pods to go", lambda found: not gone & found.pods.keys())
        at_once(lambda one: self.api.create(one[0], one[1]), again)
        bound = max(_LEAST_SECONDS, count * _SECONDS_PER_POD)
        self.wait(f"{wanted} pods again", lambda found: found.ready == wanted, bound)
        return going

    def cut(self, node: str) -> None:
        """Cut a node off: its lease runs out, and nobody plays its pods any more.

        The node controller finds that out by itself, within the fleet's heartbeat: it marks the
        node and its pods not ready, taints it, and deletes its pods after their patience; they stay
        Terminating, as no kubelet confirms.
        """
        self.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": {shapes.PLAYED: None}}})

    def join(self, node: str) -> None:
        """Let a node that was cut off answer again."""
        self.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": {shapes.PLAYED: "true"}}})

    def remove(self, node: str) -> None:
        """Take a node away for good, and its pods with it: what a cloud does with a spot node.

        Pods are removed at once; the garbage collector of a real cluster takes a minute.
        """
        lost = [pod for pod in self.census().pods.values() if pod.spec.node_name == node]
        self.api.delete(f"/api/v1/nodes/{node}")
        at_once(self._delete, lost)

    def answer(self, namespace: str, name: str, answer: Answer | None) -> None:
        """Choose how the node answers resizes of a pod; None: it does what is asked."""
        self.annotate(namespace, name, {RESIZE: answer})

    def annotate(self, namespace: str, name: str, annotations: dict[str, str | None]) -> None:
        """Set or remove annotations of a pod."""
        self.api.patch(_pod(namespace, name), {"metadata": {"annotations": annotations}})

    def resize(self, namespace: str, name: str, container: str, **requests: str) -> Json:
        """Ask for other requests of a container, by the `resize` subresource; return the pod.

        Raises `ApiError` as the API server refuses.
        """
        wanted = {"containers": [{"name": container, "resources": {"requests": requests}}]}
        return self.api.patch(f"{_pod(namespace, name)}/resize", {"spec": wanted}, "strategic")

    def _census(self) -> Census:
        return Census(self.api, {"labelSelector": shapes.FLEET})

    def _delete(self, pod: Pod) -> None:
        path = _pod(pod.metadata.namespace, pod.metadata.name)
        try:
            self.api.delete(path, {"gracePeriodSeconds": 0})
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise

    def _churnable(self, there: dict[str, Pod]) -> list[str]:
        """Return the uids of pods that come back when they are deleted, in order of names."""
        if self.through == "binding":
            chosen = list(there)
        else:
            chosen = [
                pod["metadata"]["uid"]
                for pod in self.pods()
                if pod["metadata"].get("ownerReferences", [{}])[0].get("kind") in _CHURNED
            ]
        alive = [uid for uid in chosen if uid in there]
        return sorted(alive, key=lambda uid: _key(there[uid]))

    def _bodies(self, pods: Sequence[Pod]) -> list[tuple[str, Json]]:
        wanted = {_key(pod) for pod in pods}
        return [
            (path, body)
            for path, body in self.plan.bound()
            if (path.split("/")[4], body["metadata"]["name"]) in wanted
        ]


def _pod(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _key(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace, pod.metadata.name
