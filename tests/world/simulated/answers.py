"""What the server answers: objects as bytes, and refusals as Kubernetes words them."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Object = dict[str, Any]
Json = Any  # whatever JSON can hold


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body, encoded as on the wire, so that nobody shares memory."""

    status: int
    body: bytes

    def json(self) -> Json:
        """Return the body, decoded afresh on every call."""
        return _decode(self.body)


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with an object."""

    field: str
    reason: str
    message: str

    @classmethod
    def invalid(cls, place: str, value: Json, why: str) -> "Cause":
        """Say that the value at `place` is wrong."""
        return cls(place, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {why}")

    @classmethod
    def forbidden(cls, place: str, why: str) -> "Cause":
        """Say that `place` may not be set so."""
        return cls(place, "FieldValueForbidden", f"Forbidden: {why}")

    @classmethod
    def required(cls, place: str, why: str = "") -> "Cause":
        """Say that `place` is missing."""
        return cls(
            place, "FieldValueRequired", f"Required value: {why}" if why else "Required value"
        )

    @classmethod
    def unsupported(cls, place: str, value: str, choices: tuple[str, ...]) -> "Cause":
        """Say that `place` takes only `choices`."""
        listed = ", ".join(_shown(choice) for choice in choices)
        text = f"Unsupported value: {_shown(value)}: supported values: {listed}"
        return cls(place, "FieldValueNotSupported", text)


def _shown(value: Json) -> str:
    """Return a value as Go's field errors print it: as JSON."""
    return _encode(value).decode()


class Refused(Exception):
    """The server said no; `answer` is what it said."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.json().get('message')}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class About:
    """Whom a refusal is about: its name, the API group, and the kind or the plural of the kind."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] = field(default=())

    @property
    def qualified(self) -> str:
        """Return kind and group as messages write them."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def details(self) -> Object:
        """Return the details of a status."""
        found: Object = {}
        for name in ("name", "group", "kind"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        if self.causes:
            found["causes"] = [
                {"reason": c.reason, "message": c.message, "field": c.field} for c in self.causes
            ]
        return found


def refusal(
    code: int,
    reason: str,
    message: str,
    about: About | None = None,
    fresh_token: str = "",
) -> Refused:
    """Return a refusal in Kubernetes' Status form; `fresh_token` continues an expired list."""
    status: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {"continue": fresh_token} if fresh_token else {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        status["reason"] = reason
    if about is not None:
        status["details"] = about.details()
    status["code"] = code
    return Refused(Answer(code, _encode(status)))


def not_found(about: About) -> Refused:
    """Refuse: there is no such object."""
    return refusal(404, "NotFound", f'{about.qualified} "{about.name}" not found', about)


def already_exists(about: About, *, deleting: bool) -> Refused:
    """Refuse: the name is taken, perhaps by an object on its way out."""
    message = f'{about.qualified} "{about.name}" already exists'
    prefix = "object is being deleted: " if deleting else ""
    return refusal(409, "AlreadyExists", prefix + message, about)


def conflict(about: About, why: str) -> Refused:
    """Refuse: the object is not what the writer believed it to be."""
    message = f'Operation cannot be fulfilled on {about.qualified} "{about.name}": {why}'
    return refusal(409, "Conflict", message, about)


def invalid(about: About, causes: list[Cause]) -> Refused:
    """Refuse: the object breaks the rules of its kind."""
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    named = About(about.name, about.group, about.kind, tuple(causes))
    return refusal(422, "Invalid", f'{named.qualified} "{named.name}" is invalid: {text}', named)


def bad_request(message: str) -> Refused:
    """Refuse: the request makes no sense."""
    return refusal(400, "BadRequest", message)


def expired(message: str, fresh_token: str = "") -> Refused:
    """Refuse: the revision asked for is compacted; a fresh token, if any, goes on at the latest."""
    return refusal(410, "Expired", message, fresh_token=fresh_token)
