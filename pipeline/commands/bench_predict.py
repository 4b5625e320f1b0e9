"""``isnet-cxr bench predict``: how fast a prediction starts, and how fast and large a job is."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isnet_cxr.pipeline.commands.options import AsJson

if TYPE_CHECKING:
    from isnet_cxr.pipeline.prediction.bench.throughput import Throughput


def predict(
    repeats: Annotated[int, typer.Option(min=1, help="rounds that count")] = 5,
    images: Annotated[int, typer.Option(min=2, help="images of a job")] = 64,
    memory: Annotated[
        bool, typer.Option("--memory", help="measure memory too: takes some minutes more")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a prediction and a job with what they cannot do without, in turns, on two cores.

    A single prediction: with importing torch and pydicom and reading the weights. A job: without
    heatmaps, with the slower of decoding and network passes, of the networks as they are built
    and as the job runs them; with heatmaps, with decoding, passes, explaining and drawing. With
    --memory: the peaks of jobs with few, many and large images.
    """
    from isnet_cxr.pipeline.prediction.bench import memory as of_memory
    from isnet_cxr.pipeline.prediction.bench import start_up, throughput

    def say(line: str) -> None:
        typer.echo(line, err=True)

    start = start_up.measure_start_up(repeats=repeats, say=say)
    rates = throughput.measure_throughput(repeats=repeats, images=images, say=say)
    figures: dict[str, Any] = {"start_up": asdict(start), "throughput": asdict(rates)}
    goals = [
        _goal("start of a prediction", start.cpu_ratio, at_most=start_up.LIMIT),
        *(
            _goal(f"job {name.replace('_', ' ')}", getattr(rates, name), at_least=goal)
            for name, goal in throughput.GOALS.items()
        ),
    ]
    if memory:
        peaks = of_memory.measure_memory(say=say)
        figures["memory"] = asdict(peaks)
        goals += [
            _goal("growth of memory", peaks.growth, at_most=of_memory.GROWTH_LIMIT),
            _goal("MB with large images", peaks.large_mb, at_most=of_memory.LARGE_LIMIT_MB),
        ]
    if as_json:
        typer.echo(json.dumps({**figures, "goals": goals}, indent=2))
        return
    _tell(goals, rates)


def _tell(goals: list[dict[str, Any]], rates: "Throughput") -> None:
    for goal in goals:
        bound = (
            f"at most {goal['at_most']}" if "at_most" in goal else f"at least {goal['at_least']}"
        )
        verdict = "met" if goal["met"] else "MISSED"
        typer.echo(f"{verdict:6} {goal['name']}: {goal['value']:.3f}, {bound}")
    typer.echo("the same by wall clock and by CPU seconds, the latter for busy machines:")
    for name in ("without_heatmaps", "beside_own_passes", "with_heatmaps"):
        ratio, of_cpu = getattr(rates, name), getattr(rates, f"cpu_{name}")
        typer.echo(f"       job {name.replace('_', ' ')}: {ratio:.3f} and {of_cpu:.3f}")


def _goal(name: str, value: float, **bound: float) -> dict[str, Any]:
    ((kind, limit),) = bound.items()
    met = value <= limit if kind == "at_most" else value >= limit
    return {"name": name, "value": value, kind: limit, "met": met}
