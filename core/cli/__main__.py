"""``python -m core.cli`` is ``underpaint``."""

from core.cli import main

main()
