"""What a command asks Snakemake for, which the Snakefile is not told while it is read."""

import sys

WITHOUT_DATA = ("unlock", "lint", "list_rules", "list_target_rules")
"""Options that look at rules or at Snakemake's own lock, as Snakemake's parser calls them."""


def needs_no_data() -> bool:
    """Whether it asks for what can be had before the data are there: one of these, or the plan and nothing else.

    Parsing takes a tenth of a second, so this is for where data are missing.
    """
    from snakemake.cli import get_argument_parser

    given, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    return set(given.targets) == {"plan"} or any(getattr(given, option) for option in WITHOUT_DATA)
