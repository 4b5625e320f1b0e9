"""The report's page: sections filled from the study's material, in one HTML file."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from isnet_cxr.classification.figures import FIGURES
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.audit import audit_tables
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report import plots, tables
from isnet_cxr.pipeline.report.across import across_content
from isnet_cxr.pipeline.report.costs import costs_table, measure_costs
from isnet_cxr.pipeline.report.evidence import evidence_content
from isnet_cxr.pipeline.report.groups import groups_content
from isnet_cxr.pipeline.report.heatmaps import plot_sanity, pointing_table, sanity_sentences
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.report.pictures import (
    Picture,
    heatmap_picture,
    image_picture,
    lung_pictures,
)
from isnet_cxr.pipeline.report.ranking import ranking_content
from isnet_cxr.pipeline.report.reliance import measures_table, reliance_table, seam_of
from isnet_cxr.pipeline.study.describe import without_places
from isnet_cxr.pipeline.study.doubts import doubt_measures
from isnet_cxr.pipeline.study.samples import read_explained
from isnet_cxr.pipeline.table import Table

CURVES = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_macro_f1": "validation macro F1",
    "val_macro_auc": "validation macro AUC",
    "val_dice": "validation Dice",
    "val_relevance_inside_lungs": "validation relevance inside the lungs",
}


@dataclass(frozen=True)
class Headline:
    """One figure at the top of the page."""

    value: str
    title: str
    note: str


@dataclass(frozen=True)
class HeatmapGrid:
    """Images of one test, side by side, above every classifier's heatmaps of them.

    Attributes:
        test: Name of the test.
        rows: Pictures by title of the row, the images first.
    """

    test: str
    rows: dict[str, list[Picture]]


@dataclass(frozen=True)
class Confusion:
    """Confusion matrices of one classifier."""

    classifier: str
    pictures: list[Picture]


@dataclass(frozen=True)
class BiasSection:
    """What came of one bias test."""

    title: str
    description: str
    table: Table


def write_report(material: ReportMaterial, path: Path) -> None:
    """Write the report of a finished study to ``path``: one file without links to others."""
    environment = Environment(
        loader=PackageLoader("isnet_cxr.pipeline"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(_content(material))
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _content(material: ReportMaterial) -> dict[str, Any]:
    config, summary = material.config, material.summary
    classification, costs = summary["classification"], measure_costs(material)
    return {
        "config": config,
        "headlines": _headlines(material),
        "audit": audit_tables({**material.audit, "roles": {}}),
        "images": tables.images_table(material.images, config.classes),
        "left_out": tables.left_out_table(material.images),
        "flagged": tables.flagged_table(summary),
        "views": {
            name: tables.manifest_views(rows) for name, rows in material.images.tests.items()
        },
        "lungs": _lungs(material),
        "cross": _cross(material) if classification else None,
        "evidence": evidence_content(summary["evidence"]) if classification else None,
        "across": across_content(summary["across"]) if "across" in summary else None,
        **groups_content(summary),
        "control": CONTROL,
        "verdict": summary["verdict"],
        "reliance": reliance_table(summary.get("reliance", {})),
        "measures": measures_table(
            doubt_measures(summary.get("reliance", {}), summary.get("sanity", {}))
        ),
        "pointing": pointing_table(summary.get("pointing", {})),
        "sanity": _sanity(summary.get("sanity", {})),
        "seam": seam_of(summary.get("reliance", {})),
        "comparisons": tables.comparison_table(material) if config.compared else None,
        "bias": [_bias_section(name, own) for name, own in summary.get("bias", {}).items()],
        "outputs": tables.outputs_table(summary),
        "curves": _curves(material),
        "costs": costs_table(costs),
        "ranking": ranking_content(summary, costs) if classification else None,
        "heatmaps": [
            grid for test in material.images.tests if (grid := _grid(material, test)).rows
        ],
        "by_gradient": tables.explained_by_gradient(material.config.settings),
        "settings": yaml.safe_dump(without_places(material.description), sort_keys=False),
        "versions": versions(),
    }


def _sanity(sanity: Mapping[str, Any]) -> dict[str, Any] | None:
    if not sanity:
        return None
    return {
        "plot": plots.as_svg(plot_sanity(sanity)),
        "said": sanity_sentences(sanity),
        "images": max(own["images"] for own in sanity.values()),
    }


def _bias_section(name: str, scores: Mapping[str, Any]) -> BiasSection:
    test = BIAS_TESTS[name]
    return BiasSection(test.title, test.description, tables.bias_table(scores, test))


def _headlines(material: ReportMaterial) -> list[Headline]:
    headlines = []
    for name, scores in material.summary["segmentation"].items():
        own = (
            material.config.segmentation is not None and name in material.config.segmentation.train
        )
        if not own:
            headlines.append(Headline(f"{scores['dice']:.3f}", "lung Dice", f"on {name}"))
    for name, by_test in material.summary["classification"].items():
        own_f1 = by_test["internal"]["macro_f1"]
        external = [by_test[test]["macro_f1"] for test in by_test if test != "internal"]
        if external:
            mean = sum(external) / len(external)
            value = f"{own_f1:.2f} → {mean:.2f}"
            headlines.append(Headline(value, name, "macro F1, internal → external test"))
    return headlines


def _cross(material: ReportMaterial) -> dict[str, Any]:
    classification = material.summary["classification"]
    plotted = {key: figure.title for key, figure in FIGURES.items() if figure.plotted}
    return {
        "table": tables.cross_table(classification),
        "plot": plots.as_svg(plots.plot_generalization(classification, plotted)),
        "recall": tables.recall_table(classification, material.config.classes),
        "confusions": [_confusion(material, name) for name in material.config.unbiased],
    }


def _lungs(material: ReportMaterial) -> dict[str, Any] | None:
    if material.lungs is None or material.config.segmentation is None:
        return None
    lungs, section = material.lungs, material.config.segmentation
    curves = {"lungs": [lungs.epochs]}
    return {
        "given": section.package is not None,
        "trained_on": section.train,
        "table": tables.segmentation_table(lungs.scores, section.train),
        "pictures": {test: lung_pictures(lungs, test) for test in lungs.reference},
        "curves": plots.as_svg(plots.plot_curves(curves, CURVES)) if lungs.epochs else None,
        "quality": _quality(material),
    }


def _quality(material: ReportMaterial) -> list[tuple[str, str]]:
    """Say how many masks of each test's images are good, doubtful and failed."""
    said = []
    for name, images in material.images.tests.items():
        counts = images["mask_quality"].replace("", "not judged").value_counts()
        said.append((name, ", ".join(f"{kind} {count}" for kind, count in counts.items())))
    return said


def _curves(material: ReportMaterial) -> str:
    """Plot the trainings on images as they are; those of bias tests where there are no others."""
    seeds: dict[str, list[list[dict[str, float]]]] = {}
    for training in material.trainings:
        if training.is_whole or not material.config.unbiased:
            seeds.setdefault(training.classifier, []).append(training.epochs())
    return plots.as_svg(plots.plot_curves(seeds, CURVES))


def _confusion(material: ReportMaterial, classifier: str) -> Confusion:
    by_test: Mapping[str, Any] = material.summary["classification"][classifier]
    return Confusion(
        classifier,
        [
            Picture(
                plots.as_svg(plots.plot_confusion(own["confusion"], material.config.classes)),
                test,
            )
            for test, own in by_test.items()
        ],
    )


def _grid(material: ReportMaterial, test: str) -> HeatmapGrid:
    said = {
        name: read_explained(material.first_training(name).testing, test)
        for name in material.config.unbiased
    }
    by_gradient = tables.explained_by_gradient(material.config.settings)
    rows: dict[str, list[Picture]] = {}
    for name, explained in said.items():
        if explained is not None:
            numbers = range(len(explained.image_ids))
            rows.setdefault("image", [image_picture(explained, number) for number in numbers])
            title = f"{name} (input x gradient)" if name in by_gradient else name
            rows[title] = [heatmap_picture(explained, number) for number in numbers]
    return HeatmapGrid(test, rows)


def versions() -> str:
    """Name this program's version, Python's and its libraries'."""
    named = ("torch", "monai", "lightning", "mlflow")
    libraries = ", ".join(f"{name} {version(name)}" for name in named)
    return f"isnet-cxr {version('isnet-cxr')}, Python {platform.python_version()}, {libraries}"
