"""Stage 2: classifiers, LRP, the ISNet loss, training, evaluation and statistics."""
