"""Chest X-ray classifiers that keep looking at the lungs."""
