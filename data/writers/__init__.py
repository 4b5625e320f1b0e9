"""Images, masks and DICOM objects written; files whole or not at all."""

from isnet_cxr.data.writers.images import write_dicom, write_mask, write_nifti, write_png

__all__ = ["write_dicom", "write_mask", "write_nifti", "write_png"]
