"""What may stand in a study's YAML file: the sections, their keys, and how they refer to another.

Paths may hold environment variables (``${NAME}``) and are relative to the YAML file's folder.
Settings of the two stages are passed on as they are; ``isnet_cxr.pipeline.config.reading`` checks
them against the stages' own dataclasses.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from isnet_cxr.data.nearest import name_unknown

ROUNDING = 1e-6
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")


def expand_variables(text: object) -> object:
    """Replace every ``${NAME}`` in ``text`` by the environment's value.

    Raises:
        ValueError: If a variable is not set.
    """
    if not isinstance(text, str):
        return text
    for name in _VARIABLE.findall(text):
        if not os.environ.get(name):
            raise ValueError(f"environment variable {name} is not set")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _absolute(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("folder", Path())
    resolved = Path(os.path.abspath(base / path.expanduser()))
    if not resolved.exists():
        raise ValueError(f"{resolved} does not exist")
    return resolved


def _safe_name(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"expected letters, digits, space and . _ + - only, got {name!r}")
    return name


ExistingPath = Annotated[Path, BeforeValidator(expand_variables), AfterValidator(_absolute)]
Name = Annotated[str, AfterValidator(_safe_name)]


class Section(BaseModel):
    """A mapping of the YAML file whose keys are all known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: object) -> object:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(name_unknown("key", [key], cls.model_fields))
        return values


class PhantomsConfig(Section):
    """Generated images of a made-up hospital.

    Attributes:
        hospital: One of ``isnet_cxr.data.phantoms.HOSPITALS``.
        images_per_class: Images of each class that the hospital has.
        seed: The same seed generates the same images.
    """

    hospital: str
    images_per_class: int = Field(ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _hospital_is_known(self) -> "PhantomsConfig":
        from isnet_cxr.data.phantoms.hospitals import HOSPITALS  # not for every study file

        _check_known("hospital", "hospital", [self.hospital], HOSPITALS)
        return self


class DatasetConfig(Section):
    """Where a dataset's images come from: a published layout, a manifest, or a generator.

    Attributes:
        adapter: A published dataset's name, as in ``isnet-cxr import --list``; needs ``root``.
        root: That dataset's folder.
        manifest: A manifest, CSV or Parquet, instead of the two.
        phantoms: Images to generate, instead of all three.
        labels: The publisher's labels and the classes that they shall stand for, where the adapter
            chooses otherwise, as ``{Lung_Opacity: pneumonia}``; an empty class leaves out.
        where: Keep only rows whose column holds one of the values, as ``{label: [normal]}``.
    """

    adapter: str | None = None
    root: ExistingPath | None = None
    manifest: ExistingPath | None = None
    phantoms: PhantomsConfig | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    where: dict[str, list[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> "DatasetConfig":
        incomplete = (self.adapter is None) != (self.root is None)
        sources = [self.adapter, self.manifest, self.phantoms]
        if incomplete or sum(source is not None for source in sources) != 1:
            raise ValueError("expected either adapter and root, or manifest, or phantoms")
        if self.labels and self.adapter is None:
            raise ValueError("labels have no use without adapter: the classes are there already")
        return self


class SegmentationConfig(Section):
    """Stage 1: a lung segmenter to train and test, or a finished one.

    Attributes:
        train: Datasets with reference masks; trained on their train split.
        test: Datasets with reference masks it is scored on, besides its own test split.
        settings: ``isnet_cxr.segmentation.training.SegmentationSettings``.
        package: A finished lung segmenter's package, instead of ``train`` and ``settings``.
        replace: Which images get a predicted mask: ``all``, so that no image's mask is better than
            another's because of where it comes from, or ``missing``, those without a reference.
    """

    train: list[str] = Field(default_factory=list)
    test: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    package: ExistingPath | None = None
    replace: Literal["all", "missing"] = "all"

    @model_validator(mode="after")
    def _trained_or_given(self) -> "SegmentationConfig":
        if bool(self.train) == (self.package is not None):
            raise ValueError("expected either train (datasets) or package (a finished segmenter)")
        if self.package is not None and self.settings:
            raise ValueError("settings have no use beside package")
        return self


class MarksConfig(Section):
    """The bias experiment: classifiers trained again with a mark per class on every image.

    Attributes:
        classifiers: Which of the study's.
        only: Those of them that are trained with marks alone, and nowhere else in the study.
        seeds: Some of the study's seeds; None takes all.
    """

    classifiers: list[str] = Field(min_length=1)
    only: list[str] = Field(default_factory=list)
    seeds: list[int] | None = None


class StudyConfig(Section):
    """A study: which images play which part, what is trained on them, what is compared.

    Attributes:
        name: Name of the study; of its MLflow experiment, too.
        classes: What is told apart. Images with other labels are left out and counted.
        datasets: The datasets by the names used below.
        segmentation: Stage 1; left out, every image must come with a mask.
        development: Datasets the classifiers are trained, validated and tested on.
        external: Tests on other hospitals by name; a test may join several datasets.
        exclude_duplicates: Look for copies; drop images from the development set that are also in
            an external test, and keep copies within the development set on one side of its split.
        allow_leaks: Leaks that must not stop the study, as ``images in train and <test>``.
        classifiers: Name of each classifier and its ``isnet_cxr.classification.settings``.
        defaults: Settings shared by all classifiers.
        marks: The bias experiment, if it is to be run.
        seeds: Each classifier is trained once per seed.
        split_seed: Seed of the development set's split by patient, the same for every training.
        fractions: Shares of train, validation and test in the development set.
        jobs: Trainings that run at the same time.
        threads_per_training: CPU threads of each.
        compare: Pairs of classifiers for paired tests.
        samples_per_class: Images of each class and test shown with heatmaps in the report.
    """

    name: Name
    classes: list[str] = Field(min_length=2)
    datasets: dict[Name, DatasetConfig] = Field(min_length=1)
    segmentation: SegmentationConfig | None = None
    development: list[str] = Field(min_length=1)
    external: dict[Name, list[str]] = Field(default_factory=dict)
    exclude_duplicates: bool = True
    allow_leaks: list[str] = Field(default_factory=list)
    classifiers: dict[Name, dict[str, Any]] = Field(min_length=1)
    defaults: dict[str, Any] = Field(default_factory=dict)
    marks: MarksConfig | None = None
    seeds: list[int] = Field(default=[0], min_length=1)
    split_seed: int = 0
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    jobs: int = Field(default=1, ge=1)
    threads_per_training: int = Field(default=1, ge=1)
    compare: list[tuple[str, str]] = Field(default_factory=list)
    samples_per_class: int = Field(default=2, ge=0)

    @model_validator(mode="after")
    def _references_are_known(self) -> "StudyConfig":
        datasets = {"development": self.development}
        datasets |= {f"external.{test}": names for test, names in self.external.items()}
        if self.segmentation:
            datasets["segmentation.train"] = self.segmentation.train
            datasets["segmentation.test"] = self.segmentation.test
        for place, names in datasets.items():
            _check_known(place, "dataset", names, self.datasets)
        if self.marks:
            marked = self.marks.classifiers
            _check_known("marks.classifiers", "classifier", marked, self.classifiers)
            _check_known("marks.only", "classifier", self.marks.only, marked)
        if self.allow_leaks:
            from isnet_cxr.data.audit.leaks import (
                leak_names,  # imports pandas: not for every study file
            )

            known = leak_names(["train", "val", "test", *self.external])
            _check_known("allow_leaks", "leak", self.allow_leaks, known)
        for index, pair in enumerate(self.compare):
            _check_known(f"compare.{index}", "classifier", pair, self.unmarked)
        return self

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "StudyConfig":
        entries: dict[str, Sequence[object]]
        entries = {"classes": self.classes, "seeds": self.seeds, "development": self.development}
        for place, names in entries.items():
            if len(set(names)) != len(names):
                raise ValueError(f"{place}: the same entry stands twice")
        if "internal" in self.external:
            raise ValueError("external.internal: 'internal' is the name of the internal test")
        for test, joined in self.external.items():
            if not joined:
                raise ValueError(f"external.{test}: expected at least one dataset")
            if shared := sorted(set(joined) & set(self.development)):
                raise ValueError(
                    f"external.{test}: {shared[0]!r} is in the development set as well"
                )
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > ROUNDING:
            raise ValueError(
                f"fractions: expected three positive shares of 1, got {self.fractions}"
            )
        return self

    @property
    def unmarked(self) -> list[str]:
        """Classifiers that are trained on images as they are."""
        only = self.marks.only if self.marks else []
        return [name for name in self.classifiers if name not in only]


def _check_known(place: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    choices = list(known)
    for name in names:
        if name not in choices:
            raise ValueError(f"{place}: {name_unknown(what, [name], choices)}")
