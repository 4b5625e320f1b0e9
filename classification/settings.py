"""What the training of every classifier needs to know, whatever its method.

The command line and the study's YAML fill it, MLflow logs it, the model package keeps it. A
method's own settings stand in a block of the method's name; ``read_classifier`` reads both.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from isnet_cxr.data.learning.augment import Augmentation
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class ClassifierSettings:
    """How one classifier is trained.

    Attributes:
        method: Name of the training method, one of ``classification.methods.METHODS``.
        network: Name of the architecture, one of ``classification.networks.NETWORKS``, or the
            import path of the user's own, ``package.module:callable``.
        network_weights: A safetensors file with the network's first weights; None draws them.
        preprocessing: From image to network input.
        augmentation: Random changes in training.
        epochs: At most so many.
        batch_size: Images per step.
        learning_rate: Peak of the one-cycle schedule of AdamW.
        weight_decay: Of AdamW.
        patience: Stop early after so many epochs without a better validation loss; 0 never.
        bias: Name of the bias test whose shortcut is in every image of training and validation;
            None takes the images as they are.
        precision: "32-true", or "bf16-mixed" for autocast.
        epsilon: Stabiliser of LRP-epsilon wherever this classifier is explained: in the ISNet's
            heatmap loss, in tests and in pictures. 0 is LRP-0.
        method_settings: The method's own; None takes its defaults.
    """

    method: str = "isnet"
    network: str = "convnet-small"
    network_weights: str | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = 24
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    patience: int = 0
    bias: str | None = None
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    epsilon: float = 5e-2
    method_settings: Any = None

    def __post_init__(self) -> None:
        """Check the ranges, and give the method its default settings.

        Raises:
            InputError: If a value is out of its range, or there is no such method.
        """
        from isnet_cxr.classification.methods import METHODS  # noqa: PLC0415  they import this file

        require("epochs", self.epochs, at_least=1)
        require("batch_size", self.batch_size, at_least=1)
        require("learning_rate", self.learning_rate, above=0)
        require("weight_decay", self.weight_decay, at_least=0)
        require("patience", self.patience, at_least=0)
        require("epsilon", self.epsilon, at_least=0)
        kind = METHODS[self.method].settings
        if self.method_settings is None:
            object.__setattr__(self, "method_settings", kind())
        elif not isinstance(self.method_settings, kind):
            raise TypeError(f"method_settings of {self.method!r} must be {kind.__name__}")
