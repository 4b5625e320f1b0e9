"""The report on heatmaps themselves: do they point at findings, and can they be believed?"""

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isnet_cxr.pipeline.report.evidence import share
from isnet_cxr.pipeline.report.evidence_plots import MARKERS, WIDTH, numbers
from isnet_cxr.pipeline.report.plots import FAINT, STYLE, add_legend, colour_of, line_of
from isnet_cxr.pipeline.report.tables import number
from isnet_cxr.pipeline.study.pointing import EVERY
from isnet_cxr.pipeline.study.sanity import FORGOTTEN, HOLDS, NOISE, SHIFT, STAYS
from isnet_cxr.pipeline.table import Table

Sanity = Mapping[str, Mapping[str, Any]]


def pointing_table(pointing: Mapping[str, Any]) -> Table:
    """List how often heatmaps hit a box; what blind pointing cannot explain is stressed."""
    rows: list[list[str]] = []
    strong: set[tuple[int, int]] = set()
    for test, label, name, own in _by_class(pointing):
        hits, inside = own["hits"], own["inside"]
        blind = [own[key] for key in ("chance", "chance_in_lungs")]
        if hits["ci95"][0] > max(value or 0.0 for value in blind):
            strong.add((len(rows), 3))
        rows.append(
            [f"{test}, {label}", name, f"{own['images']}"]
            + [share(part["value"], part["ci95"]) for part in (hits, inside)]
            + [number(value) for value in blind]
        )
    head = ["test, class", "classifier", "images", "hits", "relevance in boxes"]
    return Table([*head, "chance, image", "chance, lungs"], rows, frozenset(strong))


def _by_class(pointing: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Yield test, class, classifier and what came of it; all classes together are left out."""
    for test, classes in pointing.items():
        for label, classifiers in classes.items():
            if label != EVERY:
                yield from ((test, label, name, own) for name, own in classifiers.items())


def sanity_sentences(sanity: Sanity) -> list[tuple[str, str, bool]]:
    """Say of every classifier whether its heatmaps can be believed: name, sentence, whether so."""
    said = []
    for name, own in sanity.items():
        left, noise, shift = own[FORGOTTEN][-1], own[NOISE]["rank"], own[SHIFT]["rank"]
        rank, ssim = (number(left[key], digits=2) for key in ("rank", "ssim"))
        first = (
            f"stay when all learning is erased (likeness {rank} by rank, {ssim} as pictures): they "
            "show the image, not what was learned; do not read them"
            if own["stays"]
            else f"change when all learning is erased, as they should (likeness {rank} by rank, "
            f"{ssim} as pictures)"
        )
        kept = f"noise {number(noise, digits=2)}, shift {number(shift, digits=2)}"
        second = (
            f"their details move under changes nobody sees ({kept}): read regions, not pixels"
            if own["unsteady"]
            else f"they hold under changes nobody sees ({kept})"
        )
        said.append((name, f"{first}; {second}.", not (own["stays"] or own["unsteady"])))
    return said


def plot_sanity(sanity: Sanity) -> Figure:
    """Show how alike heatmaps stay as layers are forgotten, and under noise and shifts."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
        panels = list(figure.subplots(1, 3, sharey=True))
    for panel, key, title in zip(
        panels, ("rank", "ssim"), ("by rank", "as pictures"), strict=False
    ):
        for place, (name, own) in enumerate(sanity.items()):
            steps = own[FORGOTTEN]
            panel.plot(
                [0, *(step["share"] for step in steps)],
                numbers([1.0, *(step[key] for step in steps)]),
                color=colour_of(place), linestyle=line_of(place), linewidth=1.5,
                marker=MARKERS[place % len(MARKERS)], markersize=4, label=name,
            )  # fmt: skip
        panel.axhline(STAYS, color=FAINT, linestyle="--", linewidth=1)
        panel.set_title(f"forgetting, {title}")
        panel.set_xlabel("share of layers forgotten")
    _draw_disturbed(panels[2], sanity)
    panels[0].set_ylabel("likeness to the heatmap before")
    panels[0].set_ylim(-0.15, 1.05)
    return add_legend(figure, panels[0])


def _draw_disturbed(axes: Axes, sanity: Sanity) -> None:
    """Draw one bar for every classifier and kind of disturbance."""
    step = 0.8 / max(1, len(sanity))
    for place, own in enumerate(sanity.values()):
        across = [kind + (place - (len(sanity) - 1) / 2) * step for kind in range(2)]
        heights = numbers([own[kind]["rank"] for kind in (NOISE, SHIFT)])
        axes.bar(across, heights, width=0.9 * step, color=colour_of(place))
    axes.axhline(HOLDS, color=FAINT, linestyle="--", linewidth=1)
    axes.set_xticks(range(2), ["a little noise", "a small shift"])
    axes.grid(axis="x", visible=False)
    axes.set_title("small changes, by rank")
