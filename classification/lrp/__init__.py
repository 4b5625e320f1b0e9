"""Layer-wise relevance propagation (LRP) whose heatmaps can be trained through.

Two engines make the same heatmaps. The **gradient engine** is for training: ``prepare`` makes a
ReLU network recordable, ``PreparedNetwork.record`` records forward passes, ``Recording.heatmaps``
explains their outputs. The **layer-wise engine** walks the layers with explicit rules: slower, it
is the first one's oracle, and has rules that no modified gradient can express (z+, alpha-beta for
display, the Dual variant, stabilisers at every layer).

>>> prepared = prepare(network)                         # the gradient engine
>>> with prepared.record(epsilon=1e-2) as recording:
...     logits = network(images)                         # images (B, 1, H, W) in [0, 1]
>>> heatmaps = recording.heatmaps(logits[:, 0])         # (B, 1, 1, H, W), with their graph
>>> prepared.restore()

>>> recording = LayerwiseEngine(network).record(images)  # the layer-wise engine
>>> recording.heatmaps(recording.logits[:, 0])          # the same heatmaps
>>> recording.heatmaps(recording.logits, settings=LayerwiseRules(hidden="alpha-beta"))
>>> recording.dual_heatmaps()                           # (B, 2, 1, H, W): z+ and epsilon

Which output to explain is a choice of its own: ``targets``. The rules by themselves are in
``layerwise.rules``, on layers taken as ``layerwise.linear_maps``.
"""

from isnet_cxr.classification.lrp.gradient.prepare import Change, PreparedNetwork, prepare
from isnet_cxr.classification.lrp.gradient.recording import Recording
from isnet_cxr.classification.lrp.layerwise.engine import LayerwiseEngine, LayerwiseRecording
from isnet_cxr.classification.lrp.layerwise.settings import LayerwiseRules

__all__ = [
    "Change",
    "LayerwiseEngine",
    "LayerwiseRecording",
    "LayerwiseRules",
    "PreparedNetwork",
    "Recording",
    "prepare",
]
