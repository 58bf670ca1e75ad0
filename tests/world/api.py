"""A small client of the Kubernetes API for tests: plain JSON in, plain JSON out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

Json = dict[str, Any]
Kind = Literal["merge", "strategic", "json", "apply"]

TIMEOUT = 30.0  # seconds for one answer; a watch has its own, timeoutSeconds
_PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiError(Exception):
    """An answer of 400 or more: `status`, and `body`, which is a Status object as a rule."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body.get('reason', '')}: {body.get('message', body)}")
        self.status = status
        self.body = body

    @property
    def reason(self) -> str:
        """Return the machine-readable reason, such as `Conflict`."""
        return str(self.body.get("reason", ""))


@dataclass
class Api:
    """One user's connection to an API server; paths are whole, such as `/api/v1/nodes`."""

    client: httpx2.Client

    def get(self, path: str, **query: object) -> Json:
        """Read an object or a list."""
        return self.ask("GET", path, query=query)

    def create(self, path: str, body: Json, **query: object) -> Json:
        """POST an object to its collection, or to a subresource such as `…/eviction`."""
        return self.ask("POST", path, body, query=query)

    def replace(self, path: str, body: Json, **query: object) -> Json:
        """PUT a whole object."""
        return self.ask("PUT", path, body, query=query)

    def patch(self, path: str, body: Any, kind: Kind = "merge", **query: object) -> Json:  # noqa: ANN401 - a JSON patch is a list
        """PATCH by one of the four kinds; `apply` needs the query `fieldManager`."""
        return self.ask("PATCH", path, body, query=query, content_type=_PATCHES[kind])

    def delete(self, path: str, body: Json | None = None, **query: object) -> Json:
        """DELETE; the body holds preconditions and the grace period."""
        return self.ask("DELETE", path, body, query=query)

    def text(self, path: str, **query: object) -> str:
        """Read what is not JSON, such as metrics and logs."""
        answer = self.client.get(path, params=_words(query))
        if answer.is_error:
            raise ApiError(answer.status_code, {"message": answer.text})
        return answer.text

    def exists(self, path: str) -> bool:
        """Return whether there is an object at a path."""
        try:
            self.get(path)
        except ApiError as error:
            if error.status == httpx2.codes.NOT_FOUND:
                return False
            raise
        return True

    def watch(self, path: str, seconds: int = 10, **query: object) -> Iterator[Json]:
        """Yield events until the server ends the watch after `seconds`."""
        asked = {"watch": "1", "timeoutSeconds": str(seconds), **_words(query)}
        with self.client.stream("GET", path, params=asked, timeout=seconds + TIMEOUT) as answer:
            if answer.is_error:
                answer.read()
                raise ApiError(answer.status_code, _json(answer.text))
            for line in answer.iter_lines():
                yield json.loads(line)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - any JSON
        *,
        query: dict[str, object] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """Send one request; raises `ApiError` for an answer of 400 or more."""
        answer = self.client.request(
            method,
            path,
            params=_words(query or {}),
            content=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type},
        )
        if answer.is_error:
            raise ApiError(answer.status_code, _json(answer.text))
        return _json(answer.text)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def connect(server: str, token: str, authority: str, agent: str = "world") -> Api:
    """Return a client for a server that `authority` (a file) vouches for."""
    import ssl

    headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}
    trust = ssl.create_default_context(cafile=authority)
    client = httpx2.Client(
        base_url=server, headers=headers, verify=trust, timeout=TIMEOUT, trust_env=False
    )
    return Api(client)


def _words(query: dict[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in query.items() if value is not None}


def _json(text: str) -> Json:
    try:
        read = json.loads(text)
    except ValueError:
        return {"message": text}
    return read if isinstance(read, dict) else {"message": text}
