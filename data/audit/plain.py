"""An audit as plain values, for JSON: images are named by image id, no file and no patient is."""

import math
from itertools import chain
from typing import Any

import pandas as pd

from isnet_cxr.data.audit.association import Association
from isnet_cxr.data.audit.examination import Audit
from isnet_cxr.data.audit.leaks import Leak
from isnet_cxr.data.audit.shortcuts import Shortcut


def plain_audit(audit: Audit) -> dict[str, Any]:
    """Return each part of an audit under its name, images and patients together as ``roles``."""
    return {
        "roles": {
            role: {"images": count, "patients": audit.patients[role]}
            for role, count in audit.images.items()
        },
        "copies": _copies(audit.copies, audit.sources),
        "leaks": [plain_leak(leak) for leak in audit.leaks],
        "associations": [plain_association(one) for one in audit.associations],
        "shortcuts": [plain_shortcut(one) for one in audit.shortcuts],
        "unreadable": audit.unreadable,
        "contradictions": [
            {"kind": one.kind, "count": len(one.image_ids), "image_ids": list(one.image_ids)}
            for one in audit.contradictions
        ],
    }


def plain_leak(leak: Leak) -> dict[str, Any]:
    """Return a leak with the name it is allowed by."""
    return {
        "name": leak.name,
        "kind": leak.kind,
        "roles": [leak.first, leak.second],
        "count": leak.count,
        "image_ids": list(leak.image_ids),
    }


def plain_association(association: Association) -> dict[str, Any]:
    """Return counts as one list per value, in the order of ``labels``; NaN is None."""
    counts, strength = association.counts, association.cramers_v
    return {
        "column": association.column,
        "cramers_v": None if math.isnan(strength) else strength,
        "labels": [str(label) for label in counts.columns],
        "counts": {
            str(value): [int(n) for n in row]
            for value, row in zip(counts.index, counts.to_numpy(), strict=True)
        },
    }


def plain_shortcut(shortcut: Shortcut) -> dict[str, Any]:
    """Return a shortcut's figures."""
    return {
        "evidence": shortcut.evidence,
        "images": shortcut.images,
        "macro_auc": shortcut.macro_auc,
        "auc": shortcut.auc,
        "balanced_accuracy": shortcut.balanced_accuracy,
        "chance": shortcut.chance,
    }


def _copies(copies: pd.DataFrame, sources: dict[str, str]) -> dict[str, Any]:
    """Count pairs by their datasets and kind, and list them."""
    between: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for pair in copies.itertuples(index=False):
        datasets = sorted((sources[str(pair.path_a)], sources[str(pair.path_b)]))
        key = (datasets[0], datasets[1], str(pair.kind))
        between.setdefault(key, []).append((str(pair.path_a), str(pair.path_b)))
    listed = copies[["image_id_a", "image_id_b", "kind", "distance"]].round({"distance": 4})
    return {
        "pairs": len(copies),
        "between": [
            {"datasets": [a, b], "kind": kind, "pairs": len(own), "images": len(set(chain(*own)))}
            for (a, b, kind), own in sorted(between.items())
        ],
        "list": listed.to_dict("records"),
    }
