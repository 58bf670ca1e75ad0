"""Laws of the simulated API server, over random schedules."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.world.simulated.answers import Answer, Json
from tests.world.simulated.clock import HandClock
from tests.world.simulated.server import SimulatedServer, Watch
from tests.world.simulated.subjects import SUBJECTS, Subject
from tests.world.simulated.writing import MERGE_PATCH

EXAMPLES, STEPS = 60, 40  # 2,400 steps take about two seconds
NAMES = st.sampled_from(["a", "b", "b-1", "c"])
LABELS = st.sampled_from([{}, {"app": "a"}, {"app": "b"}])
SELECTORS = st.sampled_from(["", "app=a", "app!=a", "!app"])
CHANGE = st.integers(0, 2)


@dataclass
class Follower:
    """A client that follows a watch, as an informer does: what it holds must be what is there."""

    watch: Watch
    selector: str
    held: dict[str, Json] = field(default_factory=dict)
    told: int = 0

    def take(self, kind: str, body: Json) -> None:
        version = int(body["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            assert version >= self.told
            return
        name = body["metadata"]["name"]
        if kind == "ADDED":
            assert name not in self.held
        else:
            assert version > self.told, f"{kind} at {version} after {self.told}"
            assert name in self.held
        self.told = max(self.told, version)
        if kind == "DELETED":
            del self.held[name]
        else:
            self.held[name] = body


@dataclass
class Reader:
    """A client in the middle of a list in pages."""

    expected: list[Json]
    token: str
    read: list[Json]


class Schedules(RuleBasedStateMachine):
    """Random clients of one namespace."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.clock = HandClock()
        self.server = SimulatedServer(self.clock)
        self.subject = subject
        self.path = subject.kind.path("default")
        self.versions: list[Json] = []  # every version that a write answered
        self.followers: list[Follower] = []
        self.readers: list[Reader] = []

    def written(self, answer: Answer, before: int) -> None:
        """Hold a write to its law: a new version takes the next revision, a refusal none."""
        if answer.status >= 400:
            assert self.server.revision == before
            return
        body = answer.json()
        assert self.server.revision in {before, before + 1}
        if body["kind"] != "Status":
            self.versions.append(body)

    def listed(self, **query: str) -> list[Json]:
        answer = self.server.request("GET", self.path, query)
        assert answer.status == 200
        return list(answer.json()["items"])

    @rule(name=NAMES, labels=LABELS, number=CHANGE, finalized=st.booleans())
    def create(self, name: str, labels: Json, number: int, finalized: bool) -> None:
        metadata = {"name": name, "labels": labels, "finalizers": ["a.b/c"] * finalized}
        before = self.server.revision
        body = {"metadata": metadata, **self.subject.content(number)}
        answer = self.server.request("POST", self.path, None, body)
        assert answer.status in {201, 409}
        self.written(answer, before)

    @rule(name=NAMES, pick=st.integers(0, 50), number=CHANGE)
    def patch(self, name: str, pick: int, number: int) -> None:
        changes = self.subject.changes(number)
        before = self.server.revision
        path, body = f"{self.path}/{name}", changes[pick % len(changes)]
        first = self.server.request("PATCH", path, None, body, MERGE_PATCH)
        self.written(first, before)
        again = self.server.request("PATCH", path, None, body, MERGE_PATCH)
        if first.status == 200:  # the same patch twice changes nothing
            assert again.body == first.body

    @rule(name=NAMES, labels=LABELS)
    def relabel(self, name: str, labels: Json) -> None:
        body = {"metadata": {"labels": {"app": None, **labels}}}
        before = self.server.revision
        path = f"{self.path}/{name}"
        self.written(self.server.request("PATCH", path, None, body, MERGE_PATCH), before)

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        body = {"metadata": {"finalizers": None}}
        before = self.server.revision
        path = f"{self.path}/{name}"
        self.written(self.server.request("PATCH", path, None, body, MERGE_PATCH), before)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        before = self.server.revision
        self.written(self.server.request("DELETE", f"{self.path}/{name}"), before)

    @rule(pick=st.integers(0, 1000), number=CHANGE)
    def replace_from_any_past(self, pick: int, number: int) -> None:
        """A writer that read some version writes it changed: it wins only if none came after."""
        if not self.versions:
            return
        old = self.versions[pick % len(self.versions)]
        path = f"{self.path}/{old['metadata']['name']}"
        now = self.server.request("GET", path).json()
        before = self.server.revision
        body = {**old, **self.subject.content(number)}
        answer = self.server.request("PUT", path, None, body)
        self.written(answer, before)
        if now["kind"] == "Status":
            assert answer.status == 404
        elif now["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
            assert answer.status == 409
            assert self.server.request("GET", path).json() == now

    @rule(pick=st.integers(0, 1000))
    def delete_from_any_past(self, pick: int) -> None:
        if not self.versions:
            return
        old = self.versions[pick % len(self.versions)]["metadata"]
        path = f"{self.path}/{old['name']}"
        now = self.server.request("GET", path).json()
        wanted = {"uid": old["uid"], "resourceVersion": old["resourceVersion"]}
        answer = self.server.request("DELETE", path, None, {"preconditions": wanted})
        if now["kind"] != "Status":
            fresh = now["metadata"]["resourceVersion"] == old["resourceVersion"]
            assert (answer.status == 200) is fresh

    @rule(selector=SELECTORS, bookmarks=st.booleans())
    def follow(self, selector: str, bookmarks: bool) -> None:
        query = {"labelSelector": selector, "allowWatchBookmarks": str(bookmarks).lower()}
        self.followers.append(Follower(self.server.watch(self.path, query), selector))

    @rule(selector=SELECTORS)
    def list_then_follow(self, selector: str) -> None:
        found = self.server.request("GET", self.path, {"labelSelector": selector}).json()
        version = found["metadata"]["resourceVersion"]
        query = {"labelSelector": selector, "resourceVersion": version}
        held = {item["metadata"]["name"]: item for item in found["items"]}
        watch = self.server.watch(self.path, query)
        self.followers.append(Follower(watch, selector, held, int(version)))

    @rule()
    def look(self) -> None:
        for follower in self.followers:
            for event in self.server.events(follower.watch):
                follower.take(event.type, event.json())
            there = self.listed(labelSelector=follower.selector)
            held = {name: _bare(body) for name, body in follower.held.items()}
            if not follower.watch.ended:
                assert held == {item["metadata"]["name"]: _bare(item) for item in there}
        self.followers = [each for each in self.followers if not each.watch.ended]

    @rule(limit=st.integers(1, 3))
    def begin_pages(self, limit: int) -> None:
        expected = self.listed()
        found = self.server.request("GET", self.path, {"limit": str(limit)}).json()
        token = found["metadata"].get("continue", "")
        remaining = found["metadata"].get("remainingItemCount", 0)
        assert len(found["items"]) + remaining == len(expected)
        self.readers.append(Reader(expected, token, found["items"]))

    @rule(limit=st.integers(1, 3))
    def turn_pages(self, limit: int) -> None:
        for reader in self.readers:
            if reader.token:
                query = {"limit": str(limit), "continue": reader.token}
                answer = self.server.request("GET", self.path, query)
                if answer.status == 410:
                    reader.token, reader.read = "", reader.expected
                    continue
                found = answer.json()
                reader.read += found["items"]
                reader.token = found["metadata"].get("continue", "")
            if not reader.token:
                assert reader.read == reader.expected
        self.readers = [each for each in self.readers if each.token]

    @rule()
    def compact(self) -> None:
        self.server.compact()
        assert all(each.watch.ended for each in self.followers)

    @rule(seconds=st.integers(0, 90))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def versions_of_objects_differ_and_rise(self) -> None:
        """Whatever is listed has a revision of its own, none above the server's."""
        versions = [int(item["metadata"]["resourceVersion"]) for item in self.listed()]
        assert len(set(versions)) == len(versions)
        assert all(version <= self.server.revision for version in versions)

    @invariant()
    def names_come_in_order_and_nothing_finished_stays(self) -> None:
        items = [item["metadata"] for item in self.listed()]
        assert [item["name"] for item in items] == sorted(item["name"] for item in items)
        assert not any("deletionTimestamp" in i and "finalizers" not in i for i in items)


def _bare(body: Json) -> Json:
    """Return an object as lists show it: without its kind."""
    return {name: part for name, part in body.items() if name not in {"kind", "apiVersion"}}


class _ConfigMaps(Schedules):
    def __init__(self) -> None:
        super().__init__(SUBJECTS[0])


class _Budgets(Schedules):
    def __init__(self) -> None:
        super().__init__(SUBJECTS[1])


class _Deployments(Schedules):
    def __init__(self) -> None:
        super().__init__(SUBJECTS[2])


BOUNDED = settings(max_examples=EXAMPLES // len(SUBJECTS), stateful_step_count=STEPS)

TestSchedulesOfConfigMaps = _ConfigMaps.TestCase
TestSchedulesOfBudgets = _Budgets.TestCase
TestSchedulesOfDeployments = _Deployments.TestCase
for case in (TestSchedulesOfConfigMaps, TestSchedulesOfBudgets, TestSchedulesOfDeployments):
    case.settings = BOUNDED
