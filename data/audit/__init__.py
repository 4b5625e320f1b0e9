"""What is wrong with a collection of films before anything is trained on it.

``leaks``: the same film or patient in two roles; ``association``: what goes with the class and is
no disease; ``appearance`` and ``shortcuts``: how well the class is guessed from what says nothing
about the lungs; ``examination`` puts them together.
"""

from data.audit.association import Association, tabulate
from data.audit.examination import Audit, audit_films
from data.audit.leaks import Leak, find_leaks, leak_names
from data.audit.plain import plain_audit
from data.audit.shortcuts import Shortcut, measure_shortcuts

__all__ = [
    "Association",
    "Audit",
    "Leak",
    "Shortcut",
    "audit_films",
    "find_leaks",
    "leak_names",
    "measure_shortcuts",
    "plain_audit",
    "tabulate",
]
