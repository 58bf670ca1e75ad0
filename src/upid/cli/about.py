"""Commands about the program itself, and the tour on the shipped sample."""

import sys
from dataclasses import replace

import typer

from upid.cli.flags import Flags, reporting


@reporting
def demo(flags: Flags) -> None:
    """Show what the sample cluster that ships with UPID costs and wastes.

    Example: upid demo
    """
    from upid.cli.analyze import show_cluster
    from upid.cli.session import SAMPLE

    show_cluster(replace(flags, recording=[SAMPLE], server=None))


def openapi() -> None:
    """Print the document of the HTTP API (OpenAPI 3.1, JSON).

    Example: upid openapi
    """
    from upid.cli.session import write
    from upid.client.api import Api

    with Api.described() as api:
        write(api.document().decode() + "\n", sys.stdout)


def version() -> None:
    """Print the version of this program.

    Example: upid version
    """
    from importlib.metadata import version as installed

    typer.echo(f"upid {installed('upid')}")
