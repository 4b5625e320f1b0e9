"""Data room: records, readers, datasets, splits, duplicates, cache, phantoms and bias marks."""
