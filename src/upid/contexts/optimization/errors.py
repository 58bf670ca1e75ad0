"""What can go wrong when advice is asked for."""

from upid.core.errors import Kind, UpidError


class RecommendationNotFound(UpidError):
    """No recommendation has the given id."""

    kind = Kind.MISSING
    code = "recommendation_not_found"

    def __init__(self, wanted: str) -> None:
        super().__init__(
            f"there is no recommendation {wanted!r}",
            hint="list them with: upid recommend -o name; ids change with type and target only",
        )
