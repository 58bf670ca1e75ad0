"""What can go wrong between the program and its database."""

from upid.core.errors import Kind, UpidError


class DatabaseUnreachable(UpidError):
    """The database cannot be opened, or the connection to it was lost."""

    kind = Kind.UNREACHABLE
    code = "database_unreachable"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the database {where!r} cannot be reached: {why}",
            hint="check that it runs and that database.url is right; nothing was changed",
        )


class DatabaseBusy(UpidError):
    """The database did not answer in time: locked, overloaded, or out of connections."""

    kind = Kind.BUSY
    code = "database_busy"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the database {where!r} is busy: {why}",
            hint="try again; when it stays so, look at its load and at database.pool_size",
        )


class SchemaUnknown(UpidError):
    """The tables were made by a newer version of the program."""

    kind = Kind.CONFLICT
    code = "schema_unknown"

    def __init__(self, where: str, revision: str) -> None:
        super().__init__(
            f"the tables in {where!r} are at revision {revision!r}, which this version "
            "does not know",
            hint="run the newer version that made them, or use another database",
        )
