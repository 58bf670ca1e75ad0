"""Writes `src/upid/client/types.py` from the API's document, so that no type is written twice.

python -m tests.arch.client_types          write it
"""

import json
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WRITTEN = Path(__file__).parents[2] / "src/upid/client/types.py"
_ROOTS = (
    "ClusterAnalysis",
    "ClusterHealth",
    "ClusterPage",
    "DeploymentAnalysis",
    "PodAnalysis",
    "RecommendationPage",
    "Validation",
)
_HEAD = '''"""What the API answers, as structs. Written from its document by `make reference`."""

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer; members that this client does not know are passed over."""
'''
_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_WIDTH = 96  # columns of a docstring's line, so that the file passes the same checks as all others

Schema = Mapping[str, Any]


def document() -> Schema:
    """Return the API's document, as `upid openapi` prints it."""
    from upid.app.wiring import described_app
    from upid.client.transport import InProcess

    with InProcess(described_app()) as api:
        found: Schema = json.loads(api.send("GET", "/api/openapi.json", None).body)
    return found


def rendered(api: Schema) -> str:
    """Return the module for the answers that the client decodes and all that they hold."""
    schemas: Schema = api["components"]["schemas"]
    names = sorted(_reached(schemas))
    return _HEAD + "".join(_struct(name, schemas[name]) for name in _ordered(names, schemas))


def _reached(schemas: Schema) -> set[str]:
    found: set[str] = set()
    waiting = list(_ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(schemas[name]))
    return found


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[-1]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _ordered(names: list[str], schemas: Schema) -> list[str]:
    """Return the names so that each comes after those that it holds."""
    done: list[str] = []

    def visit(name: str) -> None:
        for held in sorted(set(_references(schemas[name])) - {name}):
            if held not in done:
                visit(held)
        if name not in done:
            done.append(name)

    for name in names:
        visit(name)
    return done


def _struct(name: str, schema: Schema) -> str:
    said = schema.get("description", f"{name}.").strip().splitlines()
    doc = _docstring(said)
    needed = set(schema.get("required", ()))
    fields = [
        f"    {_identifier(key)}: {_type(node)}{'' if key in needed else _default(node)}"
        for key, node in schema["properties"].items()
    ]
    return (
        f"\n\nclass {name}(Answer, frozen=True, kw_only=True):\n{doc}\n" + "\n".join(fields) + "\n"
    )


def _docstring(lines: list[str]) -> str:
    if len(lines) == 1 and len(lines[0]) <= _WIDTH - 6:
        return f'    """{lines[0]}"""\n'
    inner = "\n".join(f"    {line}".rstrip() for line in lines[1:])
    return f'    """{lines[0]}\n{inner}\n    """\n'


def _identifier(key: str) -> str:
    if not key.isidentifier() or keyword.iskeyword(key):
        raise ValueError(f"{key!r} cannot be a field")
    return key


def _type(node: Schema) -> str:  # noqa: PLR0911  a case a kind of schema
    if "$ref" in node:
        return re.sub(r"^.*/", "", node["$ref"])
    if "anyOf" in node:
        kinds = [_type(part) for part in node["anyOf"]]
        return " | ".join(dict.fromkeys(sorted(kinds, key=lambda kind: kind == "None")))
    if "enum" in node:
        return "str"
    match node.get("type"):
        case "array":
            return f"list[{_type(node.get('items', {}))}]"
        case "object":
            return f"dict[str, {_type(node.get('additionalProperties') or {})}]"
        case None:
            return "object"
        case kind:
            return _PLAIN[kind]


def _default(node: Schema) -> str:
    if node.get("default") is None:
        return " = None"
    return f" = {node['default']!r}"


if __name__ == "__main__":
    WRITTEN.write_text(rendered(document()))
    sys.stdout.write(f"wrote {WRITTEN.name}\n")
