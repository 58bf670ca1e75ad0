"""The API's own page, written from its OpenAPI document: no script, nothing from elsewhere.

It works where there is no internet; Swagger UI would be 1.4 MB of scripts for the same facts.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code{font:0.9em ui-monospace,monospace}summary{cursor:pointer;"
    "padding:.3rem 0}details{border-bottom:1px solid #8884;overflow-x:auto}table{border-collapse:"
    "collapse;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0}"
)
_METHODS = ("get", "post", "put", "patch", "delete")

Node = Mapping[str, Any]


def docs_page(document: Node) -> str:
    """Return the HTML page of an OpenAPI document."""
    about = document["info"]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(about['title'])} API</title><style>{STYLE}</style>",
        f"<h1>{escape(about['title'])} API <small>{escape(about['version'])}</small></h1>",
        f"<p>{escape(about.get('description', ''))}</p>",
        '<p>Machines read <a href="/api/openapi.json">/api/openapi.json</a>.</p>',
        *_groups(document),
        "<h2>Shapes</h2>",
        *(_shape(name, node) for name, node in sorted(_shapes(document).items())),
        "</html>",
    ]
    return "\n".join(parts)


def _shapes(document: Node) -> Node:
    found: Node = document.get("components", {}).get("schemas", {})
    return found


def _groups(document: Node) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(method, path, item[method]))
    for tag, operations in sorted(groups.items()):
        yield f"<h2>{escape(tag.capitalize())}</h2>"
        yield from operations


def _operation(method: str, path: str, operation: Node) -> str:
    rows = [_parameter(found) for found in operation.get("parameters", ())]
    rows += [_body(kind, node) for kind, node in _content(operation.get("requestBody"))]
    rows += [_answer(status, found) for status, found in operation.get("responses", {}).items()]
    title = f"<code><b>{method.upper()}</b> {escape(path)}</code>"
    said = escape(operation.get("description") or operation.get("summary", ""))
    return (
        f"<details><summary>{title} — {said.splitlines()[0] if said else ''}</summary>"
        f"<p>{said}</p><table>{''.join(rows)}</table></details>"
    )


def _parameter(found: Node) -> str:
    need = "required" if found.get("required") else "optional"
    shape = _kind(found.get("schema", {}))
    said = found.get("description") or found.get("schema", {}).get("description", "")
    return _row(f"{found['in']} {found['name']}", f"{shape}, {need}", escape(said))


def _body(kind: str, node: Node) -> str:
    return _row(f"body {kind}", _kind(node), "")


def _answer(status: str, found: Node) -> str:
    shapes = ", ".join(_kind(node) for _, node in _content(found))
    return _row(f"answer {status}", shapes, escape(found.get("description", "")))


def _content(found: Node | None) -> Iterator[tuple[str, Node]]:
    for kind, part in (found or {}).get("content", {}).items():
        yield kind, part.get("schema", {})


def _shape(name: str, node: Node) -> str:
    needed = node.get("required", ())
    rows = [
        _row(
            field,
            _kind(part) + (", required" if field in needed else ""),
            escape(part.get("description", "")),
        )
        for field, part in node.get("properties", {}).items()
    ]
    anchor = escape(name, quote=True)
    return (
        f'<details id="{anchor}"><summary><code>{anchor}</code> — '
        f"{escape(node.get('description', ''))}</summary><table>{''.join(rows)}</table></details>"
    )


def _row(name: str, kind: str, said: str) -> str:
    return f"<tr><th><code>{escape(name)}</code><td>{kind}<td>{said}"


def _kind(node: Node) -> str:
    """Return a schema in a few words, as HTML."""
    if "$ref" in node:
        name = escape(node["$ref"].rsplit("/", 1)[-1], quote=True)
        return f'<a href="#{name}">{name}</a>'
    for joined in ("anyOf", "oneOf", "allOf"):
        if joined in node:
            return " or ".join(_kind(part) for part in node[joined])
    if node.get("type") == "array":
        return f"list of {_kind(node.get('items', {}))}"
    if "enum" in node:
        return escape(" | ".join(str(value) for value in node["enum"]))
    return escape(str(node.get("format") or node.get("type", "anything")))
