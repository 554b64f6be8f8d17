"""The command line: one file per command, each with `HELP`, `add_arguments(parser)` and `run(args) -> int`.

Only this folder prints and exits. Command modules import nothing heavy at their top, so that `--help` is quick.
"""
