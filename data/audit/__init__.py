"""What is wrong with a collection of images before anything is trained on it.

``leaks``: the same image or patient in two roles; ``contradictions``: one image with two classes
or patients; ``association``: what goes with the class and is no disease; ``appearance`` and
``shortcuts``: how well the class is guessed from what says nothing about the lungs;
``examination`` puts them together.
"""

from isnet_cxr.data.audit.association import Association, tabulate
from isnet_cxr.data.audit.examination import Audit, audit_images
from isnet_cxr.data.audit.leaks import Leak, find_leaks, leak_names
from isnet_cxr.data.audit.plain import plain_audit
from isnet_cxr.data.audit.shortcuts import Shortcut, measure_shortcuts

__all__ = [
    "Association",
    "Audit",
    "Leak",
    "Shortcut",
    "audit_images",
    "find_leaks",
    "leak_names",
    "measure_shortcuts",
    "plain_audit",
    "tabulate",
]
