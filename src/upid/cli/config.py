"""`upid config`: what is set, and where it was set."""

from typing import Annotated

import typer

app = typer.Typer(help="Show settings. Changes nothing.", no_args_is_help=True)


@app.command("view")
def view_config(
    show_origin: Annotated[
        bool, typer.Option("--show-origin", help="Add where each value was set.")
    ] = False,
) -> None:
    """Print every setting that a server started here would have; secrets are masked.

    Example: upid config view --show-origin
    """
    import os

    from upid.app.settings import load_settings

    for name, value, origin in load_settings(os.environ).shown():
        typer.echo(f"{name} = {value}" + (f"  # {origin}" if show_origin else ""))


@app.callback()
def config() -> None:
    """Show settings. Changes nothing."""
