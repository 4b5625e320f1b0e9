"""The ISNet heatmap loss."""

from isnet_cxr.classification.losses.deep import deep_heatmap_loss
from isnet_cxr.classification.losses.heatmap import HeatmapLoss, HeatmapLossSettings, heatmap_loss
from isnet_cxr.classification.losses.pooling import gwrp

__all__ = ["HeatmapLoss", "HeatmapLossSettings", "deep_heatmap_loss", "gwrp", "heatmap_loss"]
