"""Bias tests: shortcuts planted into images, one file each; ``BIAS_TESTS`` has them by name."""

from isnet_cxr.data.bias.beside_lungs import BESIDE_LUNGS
from isnet_cxr.data.bias.bias_test import BIAS_TESTS, CLASS_MARK_TESTS, BiasTest, Stamp
from isnet_cxr.data.bias.corners import CORNERS

__all__ = ["BESIDE_LUNGS", "BIAS_TESTS", "CLASS_MARK_TESTS", "CORNERS", "BiasTest", "Stamp"]
