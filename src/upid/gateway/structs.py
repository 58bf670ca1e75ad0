"""Shapes of answers that are msgspec structs, for the API's document.

An endpoint that returns encoded bytes says what is in them by its return annotation,
`Annotated[Response, Shape]`. Nothing is built until somebody asks for the document.
"""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

_REFERENCE = "#/components/schemas/{name}"


def describe_structs(app: FastAPI, document: dict[str, Any]) -> None:
    """Add the shapes of encoded answers to an OpenAPI document, in place."""
    import msgspec

    found = list(_shapes(app))
    references, shapes = msgspec.json.schema_components(
        [shape for *_, shape in found], schema_hook=_anything, ref_template=_REFERENCE
    )
    document["components"]["schemas"].update(shapes)
    for (path, methods, _), reference in zip(found, references, strict=True):
        for method in methods:
            answer = document["paths"][path][method.lower()]["responses"]["200"]
            answer["content"] = {"application/json": {"schema": reference}}


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of a value that may be anything, such as a part of a manifest."""
    if kind is not object:
        raise NotImplementedError(f"{kind!r} has no schema")
    return {"title": "Anything"}


def _shapes(app: FastAPI) -> Iterator[tuple[str, list[str], type]]:
    import msgspec

    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path_format
        if not isinstance(route, APIRoute) or path is None or not route.include_in_schema:
            continue
        returned = get_type_hints(route.endpoint, include_extras=True).get("return")
        if get_origin(returned) is Annotated:
            for extra in get_args(returned)[1:]:
                if isinstance(extra, type) and issubclass(extra, msgspec.Struct):
                    yield path, sorted(route.methods or ()), extra
