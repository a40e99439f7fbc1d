"""`python -m mediscan` is the same program as `mediscan`."""

from mediscan.cli import main

main()
