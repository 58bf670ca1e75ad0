"""Names that look dead to vulture and are not, each with who uses it."""

# ruff: noqa: B018
