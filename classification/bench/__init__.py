"""What ISNet costs, side by side with baseline training and prediction alone."""
