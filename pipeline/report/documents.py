"""A study's model card and reporting checklists, as Markdown beside the report."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.report import facts
from isnet_cxr.pipeline.report.checklists import CHECKLISTS, fill
from isnet_cxr.pipeline.report.material import ReportMaterial

MODEL_CARD, CHECKS = "model-card.md", "checklists.md"


def write_documents(material: ReportMaterial, out: Path, *, versions: str) -> list[Path]:
    """Write the model card and the checklists of a finished study into ``out``.

    Args:
        material: The study.
        out: Its folder.
        versions: Of this program and its libraries.

    Returns:
        Both files.
    """
    contents: dict[str, dict[str, Any]] = {
        MODEL_CARD: {
            "name": material.config.name,
            "versions": versions,
            "classes": material.config.classes,
            "training": facts.training(material),
            "preparation": facts.preparation(material),
            "numbers": facts.numbers(material),
            "verdict": material.summary["verdict"],
            "internal": facts.internal_performance(material),
            "external": facts.external_performance(material),
            "sources": facts.sources(material),
        },
        CHECKS: {
            "name": material.config.name,
            "checklists": {name: fill(items, material) for name, items in CHECKLISTS.items()},
        },
    }
    environment = Environment(
        loader=PackageLoader("isnet_cxr.pipeline"),
        autoescape=False,  # Markdown, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name, content in contents.items():
        with replacing(out / name) as temporary:
            page = environment.get_template(f"{name}.j2").render(content)
            temporary.write_text(page, encoding="utf-8")
    return [out / name for name in contents]
