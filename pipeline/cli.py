"""The command line: ``isnet-cxr``.

Every command imports what it needs when it runs, so that ``--help`` comes at once. Exit codes:
0 done; 1 a bug, with its traceback; 2 wrong use or input, in one line; 3 done, but some inputs
failed (they are listed, the rest is there).
"""

import sys

import typer

from isnet_cxr.pipeline.commands import (
    audit,
    bench,
    bench_data,
    bench_predict,
    classify,
    data,
    demo,
    doctor,
    predict,
    segment,
    split,
    study,
)
from isnet_cxr.pipeline.errors import WRONG_INPUT, is_users, one_line

app = typer.Typer(
    help="Chest X-ray classification that keeps looking at the lungs: segmentation, then ISNet. "
    "Research use only, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("import")(data.import_images)
app.command("audit")(audit.audit)
app.command("split")(split.split)
app.add_typer(segment.app, name="segment")
app.add_typer(classify.app, name="classify")
app.command("study")(study.study)
app.command("predict")(predict.predict)
bench.app.command("data")(bench_data.data)
bench.app.command("predict")(bench_predict.predict)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; wrong input is one line on standard error."""
    try:
        app()
    except (ValueError, OSError) as error:
        if not is_users(error):
            raise
        print(f"isnet-cxr: {one_line(error)}", file=sys.stderr)
        sys.exit(WRONG_INPUT)
    except KeyboardInterrupt:
        print("isnet-cxr: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
