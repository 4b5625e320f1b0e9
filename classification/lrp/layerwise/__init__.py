"""The layer-wise engine: heatmaps by explicit rules, the gradient engine's oracle."""
