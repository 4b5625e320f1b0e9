"""The gradient engine: heatmaps by one modified backward pass, fast enough to train through."""
