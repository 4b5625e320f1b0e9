"""Manifests: one row per image; how they are made, checked, divided and kept."""
