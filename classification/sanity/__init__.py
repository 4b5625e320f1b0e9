"""Sanity of heatmaps: do they depend on what the network learned, and do they hold still?"""
