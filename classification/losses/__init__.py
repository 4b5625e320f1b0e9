"""The ISNet heatmap loss."""
