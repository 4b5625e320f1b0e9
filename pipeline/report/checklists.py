"""Reporting checklists, filled from the study where the study knows.

Items by their numbers and topics: TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) and CLAIM, 2024
update (Tejani et al., Radiology: AI 2024;6:e240300). The wording of both stands in the papers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from isnet_cxr.pipeline.report import facts
from isnet_cxr.pipeline.report.facts import Fact
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.table import Table

OPEN = "To be written by the author."


@dataclass(frozen=True)
class Item:
    """A line of a checklist.

    Attributes:
        number: In its paper.
        topic: In a few words.
        fact: What the study says of it; None where only the author knows.
    """

    number: str
    topic: str
    fact: Fact | None = None


TRIPOD_AI: Sequence[Item] = (
    Item("1", "title"), Item("2", "abstract"), Item("3a", "healthcare context"),
    Item("3b", "target population and purpose"), Item("3c", "known inequalities"),
    Item("4", "objectives"), Item("5a", "sources of data", facts.sources),
    Item("5b", "dates of the data"), Item("6a", "setting", facts.sources),
    Item("6b", "eligibility", facts.eligibility), Item("6c", "treatments"),
    Item("7", "preparation of data", facts.preparation),
    Item("8a", "outcome"), Item("8b", "who assessed the outcome"),
    Item("8c", "blinding to predictors"), Item("9a", "choice of predictors"),
    Item("9b", "definition of predictors", facts.preparation),
    Item("9c", "who assessed predictors"), Item("10", "sample size"),
    Item("11", "missing data", facts.missing),
    Item("12a", "use of the data", facts.partition),
    Item("12b", "handling of predictors", facts.preparation),
    Item("12c", "model and training", facts.training),
    Item("12d", "differences between hospitals", facts.robustness),
    Item("12e", "measures of performance", facts.measures),
    Item("12f", "updating"), Item("12g", "how predictions are made", facts.availability),
    Item("13", "class imbalance"), Item("14", "fairness"),
    Item("15", "output of the model", facts.training),
    Item("16", "training against evaluation", facts.numbers),
    Item("17", "ethics"), Item("18a", "funding"), Item("18b", "conflicts of interest"),
    Item("18c", "protocol"), Item("18d", "registration"),
    Item("18e", "data sharing"), Item("18f", "code sharing", facts.availability),
    Item("19", "patients and public"), Item("20a", "flow of participants", facts.eligibility),
    Item("20b", "characteristics of participants"),
    Item("20c", "development against evaluation", facts.numbers),
    Item("21", "numbers in each analysis", facts.numbers),
    Item("22", "specification of the model", facts.availability),
    Item("23a", "performance with intervals", facts.performance),
    Item("23b", "performance by hospital", facts.external_performance),
    Item("24", "results of updating"), Item("25", "interpretation", facts.verdict),
    Item("26", "limitations"), Item("27a", "poor or missing input", facts.missing),
    Item("27b", "use by people"), Item("27c", "next steps"),
)  # fmt: skip

CLAIM: Sequence[Item] = (
    Item("1", "title"), Item("2", "abstract"), Item("3", "background"), Item("4", "objectives"),
    Item("5", "prospective or retrospective", facts.sources), Item("6", "goal of the study"),
    Item("7", "sources of data", facts.sources),
    Item("8", "inclusion and exclusion", facts.eligibility),
    Item("9", "preprocessing", facts.preparation),
    Item("10", "subsets of the data", facts.eligibility), Item("11", "de-identification"),
    Item("12", "missing data", facts.missing), Item("13", "acquisition of images"),
    Item("14", "reference standard"), Item("15", "why this reference standard"),
    Item("16", "source of annotations"), Item("17", "annotation of test sets"),
    Item("18", "variability of annotations"), Item("19", "partitions", facts.partition),
    Item("20", "what keeps partitions apart", facts.partition), Item("21", "sample size"),
    Item("22", "model", facts.training), Item("23", "software", facts.software),
    Item("24", "initial parameters", facts.training), Item("25", "training", facts.training),
    Item("26", "choice of the final model", facts.selection), Item("27", "ensembles"),
    Item("28", "measures of performance", facts.measures),
    Item("29", "uncertainty", facts.measures), Item("30", "robustness", facts.robustness),
    Item("31", "explainability", facts.verdict),
    Item("32", "internal test", facts.internal_performance),
    Item("33", "external tests", facts.external_performance), Item("34", "registration"),
    Item("35", "patients and images", facts.numbers), Item("36", "demographics"),
    Item("37", "performance on all partitions", facts.performance),
    Item("38", "precision of performance", facts.performance),
    Item("39", "failures"), Item("40", "limitations"), Item("41", "implications for practice"),
    Item("42", "full protocol"), Item("43", "availability", facts.availability),
    Item("44", "funding"),
)  # fmt: skip

CHECKLISTS = {"TRIPOD+AI": TRIPOD_AI, "CLAIM (2024)": CLAIM}


def fill(items: Sequence[Item], material: ReportMaterial) -> Table:
    """Fill a checklist from a finished study: number, topic, what is known or is to be written."""
    rows = [
        [item.number, item.topic, (item.fact(material) if item.fact else "") or OPEN]
        for item in items
    ]
    return Table(["item", "topic", "in this study"], rows)
