"""What the end of a large study costs: figures, report and documents."""
