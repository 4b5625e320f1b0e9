"""Results as DICOM objects beside the image they are of, and their way into a PACS.

``source`` (what of an image's header goes back with them), ``identity`` (who made them, and the
numbers they are known by), one file for each kind of object: ``segmentation``, ``capture`` (drawn
by ``drawing``) and ``report`` (its words in ``codes``). ``sending``, ``store`` and ``web`` bring
them to an address. Needs the extra ``dicom``; nothing on the way to a prediction imports this room.
"""
