"""``python -m busway``."""

from .cli import main

main()
