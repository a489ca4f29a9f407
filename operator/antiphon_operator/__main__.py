"""`python -m antiphon_operator` is `antiphon`."""

from antiphon_operator.cli import main

main()
