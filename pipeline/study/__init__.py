"""A study: both stages, all classifiers and seeds, tests on other hospitals, one report."""
