"""Layer-wise relevance propagation (LRP) whose heatmaps can be trained through.

``prepare`` makes a ReLU network recordable, ``PreparedNetwork.record`` records forward passes,
``Recording.heatmaps`` explains their outputs, and ``explained`` says which output to explain.
"""

from classification.lrp.gradient_engine import Recording
from classification.lrp.prepare import Change, PreparedNetwork, prepare

__all__ = ["Change", "PreparedNetwork", "Recording", "prepare"]
