"""The command `whetstone`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import whetstone
from whetstone.cli_settings import settings_with
from whetstone.db_cli import db_app
from whetstone.errors import WhetstoneError
from whetstone.export_cli import export
from whetstone.import_cli import import_files
from whetstone.privacy_cli import privacy_app
from whetstone.settings import DEVELOPMENT_PORT
from whetstone.train_cli import train

app = typer.Typer(
    help="Whetstone sharpens an agent on its own work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

StateDirectory = Annotated[
    Path | None, typer.Option(help="Folder of the database, datasets and prompts (ELIZA_STATE_DIR).")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"whetstone {whetstone.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Whetstone sharpens an agent on its own work."""


app.command()(export)
app.command()(train)
app.command("import")(import_files)
app.add_typer(db_app, name="db")
app.add_typer(privacy_app, name="privacy")


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (ELIZA_API_BIND).")] = None,
    dev: Annotated[bool, typer.Option("--dev", help=f"Development mode: port {DEVELOPMENT_PORT}.")] = False,
    state_dir: StateDirectory = None,
) -> None:
    """Start the service, on port 2138 unless told otherwise."""
    from whetstone.serve import serve as run_server

    if dev and port is None:
        port = DEVELOPMENT_PORT
    try:
        run_server(settings_with(port=port, host=host, state_dir=state_dir))
    except WhetstoneError as error:
        typer.secho(error.message, fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=5, help="Longest time for the sample agent's work.")] = 150,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running at the end.")] = False,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the model's weights instead of its prompt.")
    ] = False,
    state_dir: StateDirectory = None,
) -> None:
    """Run the whole loop once on the embedded model: collect, filter, build, optimize or train, prove."""
    from whetstone.sample.demo import run_demo

    status = run_demo(settings_with(), seconds=seconds, keep=keep, state_dir=state_dir, finetune=finetune)
    raise typer.Exit(status)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    import orjson

    from whetstone.app import create_app

    document = create_app(settings_with()).openapi()
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
