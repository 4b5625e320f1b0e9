"""The ISNet heatmap loss."""

from classification.losses.heatmap import HeatmapLoss, HeatmapLossSettings, heatmap_loss
from classification.losses.pooling import gwrp

__all__ = ["HeatmapLoss", "HeatmapLossSettings", "gwrp", "heatmap_loss"]
