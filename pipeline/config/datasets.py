"""Where the images of a study come from, as its YAML file says it."""

from typing import Annotated

from pydantic import Field, model_validator

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.config.section import ExistingPath, Section, check_known


class PhantomsConfig(Section):
    """Generated images of a made-up hospital.

    Attributes:
        hospital: One of ``isnet_cxr.data.phantoms.HOSPITALS``.
        images_per_class: Images of each class that the hospital has.
        seed: The same seed generates the same images.
    """

    hospital: str
    images_per_class: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _hospital_is_known(self) -> "PhantomsConfig":
        from isnet_cxr.data.phantoms.hospitals import HOSPITALS  # not for every study file

        check_known("hospital", "hospital", [self.hospital], HOSPITALS)
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
        at_most: Keep so many images of a class, as ``{normal: 225}``: whole patients first, in an
            order drawn from their hashed ids, the same for ever.
    """

    adapter: str | None = None
    root: ExistingPath | None = None
    manifest: ExistingPath | None = None
    phantoms: PhantomsConfig | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    where: dict[str, list[str]] = Field(default_factory=dict)
    at_most: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> "DatasetConfig":
        incomplete = (self.adapter is None) != (self.root is None)
        sources = [self.adapter, self.manifest, self.phantoms]
        if incomplete or sum(source is not None for source in sources) != 1:
            raise InputError("expected either adapter and root, or manifest, or phantoms")
        if self.labels and self.adapter is None:
            raise InputError("labels have no use without adapter: the classes are there already")
        return self
