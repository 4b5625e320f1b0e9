"""Layer-wise relevance propagation whose heatmaps can be trained through."""
