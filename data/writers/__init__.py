"""Images, masks and DICOM objects written; files whole or not at all."""

from isnet_cxr.data.writers.images import write_dicom, write_nifti, write_png
from isnet_cxr.data.writers.masks import write_mask

__all__ = ["write_dicom", "write_mask", "write_nifti", "write_png"]
