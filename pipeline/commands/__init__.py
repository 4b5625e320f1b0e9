"""The commands of the command line, a file per group; nothing heavy is imported at the top."""
