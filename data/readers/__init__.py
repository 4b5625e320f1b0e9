"""One reader per file format; nothing outside this folder knows a format."""
