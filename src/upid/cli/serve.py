"""`upid serve`: the API over HTTP."""

from typing import Annotated

import typer


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. Default: 8000.")
    ] = None,
    target: Annotated[str, typer.Option(help="What this process runs: all, or gateway.")] = "all",
    recording: Annotated[
        list[str] | None,
        typer.Option(
            help="A recording that can be asked about; may be given again. `sample` is the one "
            "that ships."
        ),
    ] = None,
) -> None:
    """Serve the API, and its page at /api/docs, until stopped with Ctrl-C.

    Example: upid serve --recording prod.upid --port 8080
    """
    import os

    from upid.app.serving import serve as run
    from upid.cli.session import located

    run(
        os.environ,
        {"api.host": ("--host", host), "api.port": ("--port", port)},
        target=target,
        recordings=[located(path) for path in recording or ()],
        announce=lambda address: typer.echo(
            f"UPID answers at {address}/api/docs. Ctrl-C stops it."
        ),
    )
