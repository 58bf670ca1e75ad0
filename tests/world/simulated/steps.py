"""The steps of a history, as data.

A history speaks of its own past by placeholders: `$rv3` is the resourceVersion of what step 3
answered, `$uid3` and `$name3` its UID and name, `$continue3` its token; `$ns` is the namespace.
Step 0 creates the namespace.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.world.simulated.answers import Object
from tests.world.simulated.subjects import Subject

Verb = Literal["namespace", "request", "watch", "close", "expire", "compact"]


@dataclass(frozen=True)
class Step:
    """One thing done: a request, or the opening and reading of a watch (`watch` numbers it)."""

    verb: Verb
    method: str = ""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Object | None = None
    content_type: str = "application/json"
    watch: int = 0

    def __str__(self) -> str:
        shown = [self.verb if self.verb != "request" else self.method]
        if self.verb in {"watch", "close", "expire"}:
            shown.append(f"#{self.watch}")
        shown.append(self.path.partition("$ns/")[2])
        shown += [f"{name}={value}" for name, value in self.query.items()]
        if self.body is not None:
            shown.append(json.dumps(self.body))
        return " ".join(word for word in shown if word)


@dataclass(frozen=True)
class History:
    """The steps that a seed makes."""

    seed: int
    subject: Subject
    steps: tuple[Step, ...]

    @property
    def compacts(self) -> bool:
        """Return whether the past is lost in the middle."""
        return any(step.verb == "compact" for step in self.steps)

    @property
    def expires(self) -> bool:
        """Return whether a watch is waited for until it ends by itself."""
        return any(step.verb == "expire" for step in self.steps)

    def lines(self) -> list[str]:
        """Return the steps to read, numbered."""
        return [f"{at:3} {step}" for at, step in enumerate(self.steps)]
