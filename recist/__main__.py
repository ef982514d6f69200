"""``python -m recist``: the command."""

from recist.cli import main

main()
