"""What ISNet costs, side by side with plain training and plain prediction."""
