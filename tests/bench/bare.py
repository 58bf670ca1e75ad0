"""The least a Typer program can be: the peer of UPID's start-up."""

import typer

app = typer.Typer()


@app.command()
def greet(name: str = "world") -> None:
    """Say hello."""
    typer.echo(f"hello {name}")


if __name__ == "__main__":
    app()
