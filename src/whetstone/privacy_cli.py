"""The commands `whetstone privacy scan` and `whetstone privacy status`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whetstone.cli_settings import settings_with
from whetstone.errors import InvalidInputError, WhetstoneError
from whetstone.files import write_atomic

if TYPE_CHECKING:
    from whetstone.privacy.gate import PrivacyGate
    from whetstone.privacy.scan import ScannedFile

FOUND = 1
FAILED = 2

privacy_app = typer.Typer(
    help="The privacy filter: what it finds in a file, and how it stands.", no_args_is_help=True
)


@privacy_app.command()
def scan(
    file: Annotated[
        str, typer.Argument(help="Text, JSON, JSON lines, CSV, Markdown, code; - for standard input.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", "-w", help="Write the filtered copy to this file.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; only the exit status.")
    ] = False,
) -> None:
    """Find private data in a file.

    Exit status 0: nothing found; 1: something found; 2: the file could not be scanned. What is found is shown by its
    place and kind, never by its text.
    """
    from whetstone.privacy.scan import scan_text

    try:
        name, text = _read(file)
        scanned = scan_text(_gate(), text, name)
        if write is not None:
            write_atomic(write, scanned.text.encode("utf-8", "surrogatepass"))
    except (WhetstoneError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(FAILED) from error
    if not quiet:
        _print_json(_scan_dict(name, scanned)) if as_json else _print_scan(name, scanned)
    raise typer.Exit(FOUND if scanned.hits else 0)


@privacy_app.command()
def preview(
    file: Annotated[str, typer.Argument(help="The same files as for scan; - for standard input.")],
) -> None:
    """Print the filtered copy of a file, and nothing else."""
    from whetstone.privacy.scan import scan_text

    try:
        name, text = _read(file)
        scanned = scan_text(_gate(), text, name)
    except (WhetstoneError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(FAILED) from error
    # In UTF-8 whatever the terminal's encoding is, line ends as they are.
    typer.echo(scanned.text.encode("utf-8", "surrogatepass"), nl=False)


@privacy_app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show the filter's version, policies, detectors, and whether the names models are there."""
    from whetstone.privacy.desk import PrivacyDesk

    try:
        stands = PrivacyDesk(settings_with()).status()
    except WhetstoneError as error:
        typer.secho(error.message, fg=typer.colors.RED, err=True)
        raise typer.Exit(FAILED) from error
    _print_json(stands) if as_json else _print_status(stands)


def _gate() -> PrivacyGate:
    from whetstone.privacy.gate import PrivacyGate

    return PrivacyGate.from_settings(settings_with())


def _read(file: str) -> tuple[str, str]:
    """Name and text of the file. Raises InvalidInputError where it is no text, OSError where it cannot be read."""
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{file} is not text in UTF-8; decompress or convert it first") from None
    return ("standard input" if file == "-" else file), text


def _print_json(value: Any) -> None:
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    sys.stdout.write(orjson.dumps(value, option=option).decode())


def _scan_dict(name: str, scanned: ScannedFile) -> dict[str, Any]:
    return {
        "file": name,
        "found": len(scanned.hits),
        "counts": dict(Counter(hit.kind for hit in scanned.hits).most_common()),
        "hits": [hit._asdict() for hit in scanned.hits],
    }


def _print_scan(name: str, scanned: ScannedFile) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not scanned.hits:
        console.print(f"{name}: nothing found", markup=False)
        return
    for hit in scanned.hits:
        place = f"{name}:{hit.line}:{hit.column}"
        console.print(f"{place}: {hit.kind} ({hit.tier}) → {hit.replacement}", markup=False, soft_wrap=True)
    table = Table("tier", "kind", "found", title=f"{len(scanned.hits)} found")
    counts = Counter((hit.tier, hit.kind) for hit in scanned.hits)
    for (tier, kind), number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(tier, kind, str(number))
    console.print(table)


def _print_status(stands: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"filter version {stands['filterVersion']}, configuration {stands['configHash']}")
    console.print(f"replacement: {stands['replacement']}")
    names = stands["names"]
    for model in names["models"]:
        console.print(f"names model: {model['name']} {model['version']} ({model['licence']})")
    if not names["available"]:
        console.print(f"names models: none ({names['why']})", markup=False)
    if stands["disabledDetectors"]:
        console.print(f"switched off: {', '.join(stands['disabledDetectors'])}", style="yellow")
    table = Table("for", "policy", "reason", title="policies")
    for row in stands["policies"]:
        scope = row["scope"] if row["name"] is None else f"{row['scope']} {row['name']}"
        table.add_row(scope, row["policy"], row["reason"] or "")
    console.print(table)
    table = Table("tier", "looks for", title="detectors")
    for tier, kinds in stands["detectors"].items():
        table.add_row(tier, ", ".join(kinds) or "–")
    console.print(table)
