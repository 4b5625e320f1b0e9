"""One publisher's layout per file."""
