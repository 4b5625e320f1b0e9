"""The command line: ``isnet-cxr``.

Every command imports what it needs when it runs, so that ``--help`` comes at once. Exit codes:
0 done; 1 a bug, with its traceback; 2 wrong use or input, in one line; 3 done, but some inputs
failed or were refused (they are listed, the rest is there).
"""

import atexit
import gc
import getpass
import io
import os
import sys
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands import (
    audit,
    bench,
    bench_data,
    bench_predict,
    bench_report,
    classify,
    data,
    demo,
    doctor,
    gate,
    merge,
    predict,
    runs,
    segment,
    send,
    served_model,
    split,
    study,
)
from isnet_cxr.pipeline.errors import STOPPED, WRONG_INPUT, is_users, one_line
from isnet_cxr.pipeline.stopping import is_stopped, quiet_threads, what_next

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
app.command("merge")(merge.merge)
app.add_typer(runs.app, name="runs")
app.command("send")(send.send)
app.command("gate")(gate.gate)
app.command("served-model")(served_model.served_model)
bench.app.command("data")(bench_data.data)
bench.app.command("predict")(bench_predict.predict)
bench.app.command("report")(bench_report.report)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"isnet-cxr {version('isnet-cxr')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, help="print the version", is_eager=True),
    ] = False,
) -> None:
    """Chest X-ray classification that keeps looking at the lungs: segmentation, then ISNet.

    Research use only, not a medical device.
    """


def main() -> None:
    """Run the command line; wrong input is one line on standard error.

    As the program ends, Python's collector would walk all that torch and others leave: a sixth of
    the time of a prediction of one image, for nothing (``isnet-cxr bench predict``).
    """
    atexit.register(gc.freeze)
    _name_user()
    quiet_threads()
    if isinstance(sys.stdout, io.TextIOWrapper):  # paths that are not UTF-8 are said, too
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as ended:
        if ended.code == STOPPED:  # typer's answer to Ctrl-C
            _tell_stopped()
        raise
    except (
        Exception
    ) as error:  # the program's last frame: what is not told here keeps its traceback
        if is_stopped(error):
            _tell_stopped()
            sys.exit(STOPPED)
        if not is_users(error):
            raise
        print(f"isnet-cxr: {one_line(error)}", file=sys.stderr)
        sys.exit(WRONG_INPUT)


def _name_user() -> None:
    """Give a user without a name one, as a container's number is: MONAI asks for it."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # the second from Python 3.13 on
        os.environ["USER"] = f"user-{os.getuid()}"


def _tell_stopped() -> None:
    print(f"isnet-cxr: stopped; {what_next(sys.argv[1:])}", file=sys.stderr)
