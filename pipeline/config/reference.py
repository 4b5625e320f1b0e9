"""The reference of a study's YAML file, rendered from the settings and their docstrings.

``python -m isnet_cxr.pipeline.config.reference > docs/reference-study.md`` writes it anew.
"""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.pipeline.config import across, ceilings, datasets, schema
from isnet_cxr.segmentation.settings import SegmentationSettings

COMMAND = "python -m isnet_cxr.pipeline.config.reference > docs/reference-study.md"
HIDDEN = {"method_settings", "bias"}
"""Fields that no YAML file holds."""

SECTIONS: dict[str, type[BaseModel]] = {
    "The study": schema.StudyConfig,
    "`datasets.<name>`": datasets.DatasetConfig,
    "`datasets.<name>.phantoms`": datasets.PhantomsConfig,
    "`segmentation`": schema.SegmentationConfig,
    "`bias_tests.<name>`": schema.BiasTestConfig,
    "`across_hospitals`": across.AcrossConfig,
    "`ceilings.<external test>`": ceilings.CeilingConfig,
}


def render() -> str:
    """Return the reference as Markdown."""
    lines = [
        "# Keys of a study's YAML file",
        "",
        f"Made from the code by `{COMMAND}`.",
        "",
    ]
    for title, section in SECTIONS.items():
        lines += _table(title, section, _model_fields(section))
    lines += _table(
        "`segmentation.settings`", SegmentationSettings, _dataclass_fields(SegmentationSettings)
    )
    title = "`defaults` and `classifiers.<name>`"
    lines += _table(title, ClassifierSettings, _dataclass_fields(ClassifierSettings))
    ours = {n: m for n, m in METHODS.items() if type(m).__module__.startswith("isnet_cxr.")}
    for name, method in ours.items():
        fields = dict(_dataclass_fields(method.settings))
        if fields:
            lines += _table(f"`{name}`, of a classifier", method.settings, fields.items())
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, kind: type, fields: Any) -> list[str]:
    meanings = _attributes(kind)
    rows = [
        f"| `{name}` | {default} | {meanings.get(name, '')} |"
        for name, default in fields
        if name not in HIDDEN
    ]
    return [f"## {title}", "", "| key | default | meaning |", "|---|---|---|", *rows, ""]


def _model_fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield (
            name,
            "required"
            if field.is_required()
            else _plain(field.get_default(call_default_factory=True)),
        )


def _dataclass_fields(kind: Any) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            yield field.name, _plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            yield field.name, _plain(field.default_factory())
        else:
            yield field.name, "required"


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        given = ", ".join(f"{k}: {v}" for k, v in dataclasses.asdict(value).items())
        return f"`{{{given}}}`"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`" if value != "" else "empty"


def _attributes(kind: type) -> Mapping[str, str]:
    """Return what the docstring's Attributes section says of each field, on one line."""
    text = inspect.getdoc(kind) or ""
    _, _, section = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if start := re.match(r" {4}(\w+): (.*)", line):
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return {key: value.replace("|", "\\|").replace("``", "`") for key, value in found.items()}


if __name__ == "__main__":
    print(render(), end="")
