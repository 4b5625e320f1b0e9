"""Options that several commands share, and what they turn into."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from isnet_cxr.data.manifests.failures import Failure
    from isnet_cxr.pipeline.prediction.record import Outcome

Manifests = Annotated[list[Path], typer.Argument(help="manifests, CSV or Parquet")]
Folder = Annotated[Path, typer.Option("--out", help="folder for the results, made if missing")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="YAML file of settings; the rest are defaults")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="one setting, dots for nested; repeatable"),
]
Seed = Annotated[int, typer.Option(help="source of all randomness")]
Strict = Annotated[
    bool, typer.Option("--strict", help="refuse inputs that would be ignored, before any is read")
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="do the work on this Ray cluster, which sees the same folders; or auto",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for a program to read")]


def read_values(file: Path | None, assignments: list[str] | None) -> dict[str, Any]:
    """Read a stage's settings from a YAML file, and lay over it what the command line sets."""
    from isnet_cxr.pipeline.config.reading import read_yaml_file
    from isnet_cxr.pipeline.config.settings import merge, parse_assignments

    return merge(read_yaml_file(file) if file else {}, parse_assignments(assignments or []))


def read_manifests(paths: Sequence[Path]) -> "pd.DataFrame":
    """Read manifests as one."""
    from isnet_cxr.data.manifests.manifest import concatenate, read_manifest

    return concatenate(*(read_manifest(path) for path in paths))


def report_failures(failures: Sequence["Failure"], path: Path) -> None:
    """List what failed in ``path``, and exit with 3 if anything did."""
    from isnet_cxr.data.manifests.failures import write_failures
    from isnet_cxr.pipeline.errors import PARTLY_FAILED

    write_failures(failures, path)
    if failures:
        typer.echo(f"{len(failures)} inputs failed, see {path}", err=True)
        raise typer.Exit(PARTLY_FAILED)


def report_outcome(outcome: "Outcome", out: Path) -> None:
    """Say in one line what came of every file found; exit with 3 if any failed or was refused."""
    from isnet_cxr.pipeline.errors import PARTLY_FAILED
    from isnet_cxr.pipeline.prediction.record import FAILURES, IGNORED, REFUSALS

    lists = [
        (FAILURES, outcome.failures), (REFUSALS, outcome.refused), (IGNORED, outcome.ignored),
    ]  # fmt: skip
    named = ", ".join(str(out / name) for name, files in lists if files)
    bad = bool(outcome.failures or outcome.refused)
    typer.echo(f"{outcome}{f', see {named}' if named else ''}", err=bad)
    if bad:
        raise typer.Exit(PARTLY_FAILED)


def report_record(out: Path, *, asked: bool) -> None:
    """Print ``run.json`` and nothing else, if asked to; exit with the code that it says."""
    if not asked:
        return
    import json

    from isnet_cxr.pipeline.prediction.record import RUN

    text = (out / RUN).read_text(encoding="utf-8")
    typer.echo(text, nl=False)
    raise typer.Exit(json.loads(text)["exit_code"])


def tell_review_flags(manifest: "pd.DataFrame") -> None:
    """Say how many images a person should look at, and why; the manifest says which."""
    for review_flag, count in manifest["review_flag"].replace("", None).value_counts().items():
        typer.echo(f"  flagged, {review_flag}: {count}")
