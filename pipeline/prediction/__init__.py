"""From an image to a prediction: probabilities, lung mask, heatmap, review flags."""
