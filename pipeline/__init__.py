"""What a user runs: command line, study, batch job, tracking and report."""
