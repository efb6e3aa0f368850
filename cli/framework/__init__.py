"""What makes commands of functions: the table of commands, options, tables, hints; no command by itself."""
