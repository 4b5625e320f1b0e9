"""How much an output of a network changes with every pixel, differentiable once more."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Explained = Literal["log_probabilities", "true_logit"]
"""Of which number of an image the gradient is taken: the sum of all log-probabilities, or the logit
of the image's own class."""


def explained_sum(logits: Tensor, labels: Tensor, *, explained: Explained) -> Tensor:
    """Sum what is explained over the images, so that an image's gradient has no part of 1 / B.

    Args:
        logits: (B, C).
        labels: Class indices, (B,).
        explained: Which number of each image.
    """
    if explained == "true_logit":
        return logits.float().gather(1, labels[:, None]).sum()
    return logits.float().log_softmax(dim=1).sum()


def logits_and_gradient(
    network: nn.Module, images: Tensor, total: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Send images through ``network`` and differentiate a number of its logits by the pixels.

    While gradients are wanted the result keeps its graph, so that a loss on it trains the weights
    (double backward); ReLUs that work in place do no harm, since nothing inside is kept. In
    training mode batch norm ties the images of a batch together: an image's gradient is then that
    of the whole batch's sum.

    Args:
        network: Maps (B, 1, H, W) to logits (B, C).
        images: (B, 1, H, W).
        total: Makes a scalar of the logits, a sum over images.

    Returns:
        Logits (B, C), and the gradient in float32 or better, shape of the images.
    """
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        pixels = images.detach().requires_grad_()
        logits = network(pixels)
        (gradient,) = torch.autograd.grad(total(logits), pixels, create_graph=wanted)
    logits = logits if wanted else logits.detach()
    return logits, gradient.to(torch.promote_types(gradient.dtype, torch.float32))
