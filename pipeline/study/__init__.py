"""A study: both stages, all classifiers and seeds, internal and external tests, one report."""
