"""Copies of images: found by fingerprints, proved by laying one image on the other."""
