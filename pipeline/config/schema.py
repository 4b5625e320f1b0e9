"""What may stand in a study's YAML file: the sections, their keys, and how they refer to another.

Paths may hold environment variables (``${NAME}``) and are relative to the YAML file's folder.
Settings of the two stages are passed on as they are; ``isnet_cxr.pipeline.config.reading`` checks
them against the stages' own dataclasses.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PrivateAttr,
    model_validator,
)

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.config.across import AcrossConfig
from isnet_cxr.pipeline.config.ceilings import CeilingConfig, check_ceilings
from isnet_cxr.pipeline.config.datasets import DatasetConfig
from isnet_cxr.pipeline.config.section import ExistingPath, Name, Section, check_known

if TYPE_CHECKING:
    from isnet_cxr.classification.settings import ClassifierSettings
    from isnet_cxr.segmentation.settings import SegmentationSettings

ROUNDING = 1e-6
CONTROL = "background only"
"""Name of the classifier that never sees the lungs; listed as one, it has settings of its own."""
CONTROL_METHOD = "background_only"


class SegmentationConfig(Section):
    """Stage 1: a lung segmenter to train and test, or a finished one.

    Attributes:
        train: Datasets with reference masks; trained on their train split.
        test: Datasets with reference masks it is scored on, besides its internal test.
        unlabelled: Datasets of ``development`` whose images join a second, shorter training with
            the masks that the first finds and calls good; of their train split only. See
            ``isnet_cxr.segmentation.self_training``.
        settings: ``isnet_cxr.segmentation.training.SegmentationSettings``.
        package: A finished lung segmenter's package, instead of ``train`` and ``settings``.
        replace: Which images get a predicted mask: ``all``, so that no image's mask is better than
            another's because of where it comes from, or ``missing``, those without a reference.
    """

    train: list[str] = Field(default_factory=list)
    test: list[str] = Field(default_factory=list)
    unlabelled: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    package: ExistingPath | None = None
    replace: Literal["all", "missing"] = "all"

    @model_validator(mode="after")
    def _trained_or_given(self) -> "SegmentationConfig":
        if bool(self.train) == (self.package is not None):
            raise InputError("expected either train (datasets) or package (a finished segmenter)")
        if self.package is not None and (self.settings or self.unlabelled):
            raise InputError("settings and unlabelled have no use beside package")
        return self


class BiasTestConfig(Section):
    """One bias test: classifiers trained again with its shortcut in every image.

    Attributes:
        classifiers: Which of the study's.
        only: Those of them that are not trained on the images as they are.
        seeds: Some of the study's seeds; None takes all.
    """

    classifiers: list[str] = Field(min_length=1)
    only: list[str] = Field(default_factory=list)
    seeds: list[Annotated[int, Field(ge=0)]] | None = None


class StudyConfig(Section):
    """A study: which images play which part, what is trained on them, what is compared.

    Attributes:
        name: Name of the study; of its MLflow experiment, too.
        extensions: Modules, or Python files, that register what the study uses and this package
            does not have; imported before anything is checked.
        classes: What is told apart. Images with other labels are left out and counted.
        datasets: The datasets by the names used below.
        segmentation: Stage 1; left out, every image must come with a mask.
        development: Datasets the classifiers are trained, validated and tested on.
        external: External tests by name; a test may join several datasets.
        exclude_duplicates: Look for copies; drop images from the development set that are also in
            an external test, and keep copies within the development set on one side of its split.
        allow_leaks: Leaks that must not stop the study, as ``images in train and <test>``.
        classifiers: Name of each classifier and its ``isnet_cxr.classification.settings``.
        defaults: Settings shared by all classifiers.
        bias_tests: Bias tests to run, by their names in ``isnet_cxr.data.bias.BIAS_TESTS``.
        across_hospitals: Train classifiers again with hospitals of the development set held out,
            and test them there.
        ceilings: External tests, by name, on whose own images a baseline is trained as well (by
            cross-validation), to see what share of that a classifier from elsewhere reaches.
        seeds: Each classifier is trained once per seed.
        split_seed: Seed of the development set's split by patient, the same for every training.
        fractions: Shares of train, validation and test in the development set.
        jobs: Trainings that run at the same time.
        threads_per_training: CPU threads of each, of each of its processes if there are several.
        processes_per_training: Processes that train one classifier together, each on its share of
            every batch and, where the machine has some, on a GPU of its own.
        background_control: Train a network that never sees the lungs beside the classifiers, with
            the network and budget of ``defaults``: how much of the score needs no lungs, and which
            images have a background that misleads. Left out where images have no lung masks.
        compare: Pairs of classifiers for paired tests.
        samples_per_class: Images of each class and test shown with heatmaps in the report.
        sanity_per_class: Images of each class of the internal test on which heatmaps are checked
            for sanity: do they go when the network forgets, do they hold still? 0 checks none.
        pointing_per_class: Images of each class and test whose heatmaps are held against boxes
            around findings, where the images have boxes; 0 does not.
    """

    renamed: ClassVar[dict[str, str]] = {"marks": "bias_tests"}

    name: Name
    extensions: list[str] = Field(default_factory=list)
    classes: list[str] = Field(min_length=2)
    datasets: dict[Name, DatasetConfig] = Field(min_length=1)
    segmentation: SegmentationConfig | None = None
    development: list[str] = Field(min_length=1)
    external: dict[Name, list[str]] = Field(default_factory=dict)
    exclude_duplicates: bool = True
    allow_leaks: list[str] = Field(default_factory=list)
    classifiers: dict[Name, dict[str, Any]] = Field(min_length=1)
    defaults: dict[str, Any] = Field(default_factory=dict)
    bias_tests: dict[Name, BiasTestConfig] = Field(default_factory=dict)
    across_hospitals: AcrossConfig | None = None
    ceilings: dict[Name, CeilingConfig] = Field(default_factory=dict)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[0], min_length=1)
    split_seed: int = Field(default=0, ge=0)
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    jobs: int = Field(default=1, ge=1)
    threads_per_training: int = Field(default=1, ge=1)
    processes_per_training: int = Field(default=1, ge=1)
    background_control: bool = True
    compare: list[tuple[str, str]] = Field(default_factory=list)
    samples_per_class: int = Field(default=2, ge=0)
    sanity_per_class: int = Field(default=2, ge=0)
    pointing_per_class: int = Field(default=100, ge=0)

    _settings: "dict[str, ClassifierSettings]" = PrivateAttr(default_factory=dict)
    _segmentation_settings: "SegmentationSettings | None" = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _references_are_known(self) -> "StudyConfig":
        datasets = {"development": self.development}
        datasets |= {f"external.{test}": names for test, names in self.external.items()}
        if self.segmentation:
            datasets["segmentation.train"] = self.segmentation.train
            datasets["segmentation.test"] = self.segmentation.test
        for place, names in datasets.items():
            check_known(place, "dataset", names, self.datasets)
        if self.segmentation:
            names = self.segmentation.unlabelled
            check_known("segmentation.unlabelled", "development set", names, self.development)
        if self.allow_leaks:
            from isnet_cxr.data.audit.leaks import (
                leak_names,  # imports pandas: not for every study file
            )

            known = leak_names(["train", "val", "test", *self.external])
            check_known("allow_leaks", "leak", self.allow_leaks, known)
        for index, pair in enumerate(self.compare):
            if not set(pair) <= set(self.held_out):
                check_known(f"compare.{index}", "classifier", pair, self.unbiased)
        return self

    @model_validator(mode="after")
    def _bias_tests_are_known(self) -> "StudyConfig":
        if self.bias_tests:
            from isnet_cxr.data.bias import BIAS_TESTS  # imports scipy: not for every study file

            check_known("bias_tests", "bias test", self.bias_tests, BIAS_TESTS)
        for place, section in self._again.items():
            chosen = section.classifiers
            check_known(f"{place}.classifiers", "classifier", chosen, self.classifiers)
            check_known(f"{place}.only", "classifier", section.only, chosen)
            if strange := [seed for seed in section.seeds or [] if seed not in self.seeds]:
                raise InputError(f"{place}.seeds: {strange[0]} is none of the study's seeds")
        return self

    @model_validator(mode="after")
    def _settings_are_right(self) -> "StudyConfig":
        from isnet_cxr.pipeline.config.stages import resolve_classifiers, resolve_segmentation

        self._settings = resolve_classifiers(
            self.defaults, self.classifiers, classes=len(self.classes)
        )
        if self.has_control and CONTROL not in self._settings:
            control = {CONTROL: {"method": CONTROL_METHOD}}
            self._settings |= resolve_classifiers(self.defaults, control, classes=len(self.classes))
        if CONTROL in self._settings and self._settings[CONTROL].method != CONTROL_METHOD:
            raise InputError(f"classifiers.{CONTROL}: is the control: expected {CONTROL_METHOD}")
        for name, settings in self._settings.items():
            if settings.batch_size % self.processes_per_training:
                raise InputError(
                    f"classifiers.{name}.batch_size: expected a multiple of "
                    f"{self.processes_per_training}, processes_per_training, got "
                    f"{settings.batch_size}"
                )
        if self.segmentation and self.segmentation.package is None:
            self._segmentation_settings = resolve_segmentation(self.segmentation.settings)
        return self

    @model_validator(mode="after")
    def _ceilings_are_right(self) -> "StudyConfig":
        check_ceilings(
            self.ceilings, external=self.external, unbiased=self.unbiased, settings=self.settings
        )
        return self

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "StudyConfig":
        entries: dict[str, Sequence[object]]
        entries = {"classes": self.classes, "seeds": self.seeds, "development": self.development}
        for place, names in entries.items():
            if len(set(names)) != len(names):
                raise InputError(f"{place}: the same entry stands twice")
        if "internal" in self.external:
            raise InputError("external.internal: 'internal' is the name of the internal test")
        for test, joined in self.external.items():
            if not joined:
                raise InputError(f"external.{test}: expected at least one dataset")
            if shared := sorted(set(joined) & set(self.development)):
                raise InputError(
                    f"external.{test}: {shared[0]!r} is in the development set as well"
                )
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > ROUNDING:
            raise InputError(
                f"fractions: expected three positive shares of 1, got {self.fractions}"
            )
        return self

    @property
    def settings(self) -> "Mapping[str, ClassifierSettings]":
        """Settings of every classifier, resolved when the study was read."""
        return self._settings

    @property
    def segmentation_settings(self) -> "SegmentationSettings | None":
        """Settings of the lung segmenter, resolved likewise; None where none is trained."""
        return self._segmentation_settings

    @property
    def has_control(self) -> bool:
        """Whether a control that never sees the lungs is to be trained."""
        return self.background_control and bool(self.unbiased)

    @property
    def unbiased(self) -> list[str]:
        """Classifiers that are trained on the images as they are, without the control."""
        only = {name for section in self._again.values() for name in section.only}
        only.add(CONTROL)
        return [name for name in self.classifiers if name not in only]

    @property
    def held_out(self) -> list[str]:
        """Classifiers that are trained again with hospitals held out."""
        return self.across_hospitals.classifiers if self.across_hospitals is not None else []

    @property
    def seeds_across(self) -> list[int]:
        """Seeds of those trainings."""
        across = self.across_hospitals
        return self.seeds if across is None or across.seeds is None else across.seeds

    @property
    def compared(self) -> list[tuple[str, str]]:
        """Pairs to compare that are both trained on the images as they are."""
        return [pair for pair in self.compare if set(pair) <= set(self.unbiased)]

    @property
    def _again(self) -> "dict[str, BiasTestConfig | AcrossConfig]":
        """Sections that train classifiers again, by their place in the file."""
        again: dict[str, BiasTestConfig | AcrossConfig] = {
            f"bias_tests.{name}": section for name, section in self.bias_tests.items()
        }
        if self.across_hospitals is not None:
            again["across_hospitals"] = self.across_hospitals
        return again
