"""Settings of stage 1: what a study's YAML may say about the lung segmenter."""

from dataclasses import dataclass, field

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.augment import Augmentation
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.ranges import require
from isnet_cxr.segmentation.network import NetworkSettings
from isnet_cxr.segmentation.sickness import Sickness


@dataclass(frozen=True)
class SegmentationSettings:
    """How a lung segmenter is trained; the defaults are for real images.

    Attributes:
        network: Shape of the U-Net.
        preprocessing: Size and exposure of the images it sees.
        augmentation: How training images are changed at random.
        sickness: How ill training images are made, see ``isnet_cxr.segmentation.sickness``.
        framed_share: Share of the training images that get a frame, see
            ``isnet_cxr.segmentation.frames``.
        epochs: Passes over the training rows.
        batch_size: Images per step.
        learning_rate: Peak of the one-cycle schedule of AdamW.
        weight_decay: AdamW's decoupled decay.
        threshold: Probability from which a pixel is lung.
        test_time_mirror: Segment an image mirrored too and average the probabilities; for networks
            whose ``augmentation`` flips.
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    preprocessing: Preprocessing = field(default_factory=lambda: Preprocessing(size_px=192))
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(gamma=0.7, contrast=0.3, brightness=0.15)
    )
    sickness: Sickness = field(default_factory=Sickness)
    framed_share: float = 0.3
    epochs: int = 24
    batch_size: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    threshold: float = 0.5
    test_time_mirror: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that cannot train.

        Raises:
            InputError: If a value is out of range; names the field.
        """
        for name in ("epochs", "batch_size"):
            require(name, getattr(self, name), at_least=1)
        require("learning_rate", self.learning_rate, above=0)
        require("weight_decay", self.weight_decay, at_least=0)
        require("framed_share", self.framed_share, at_least=0, at_most=1)
        require("threshold", self.threshold, above=0, below=1)
        if self.test_time_mirror and not self.augmentation.flip:
            raise InputError("test_time_mirror needs augmentation.flip: true, got false")
        size_px, divisor = self.preprocessing.size_px, self.network.divisor
        if size_px % divisor:
            raise InputError(
                f"size_px must be a multiple of {divisor} for {len(self.network.channels)} levels "
                f"of channels, got {size_px}"
            )
