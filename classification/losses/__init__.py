"""The ISNet heatmap loss."""

from classification.losses.deep import deep_heatmap_loss
from classification.losses.heatmap import HeatmapLoss, HeatmapLossSettings, heatmap_loss
from classification.losses.pooling import gwrp

__all__ = ["HeatmapLoss", "HeatmapLossSettings", "deep_heatmap_loss", "gwrp", "heatmap_loss"]
