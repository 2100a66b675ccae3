"""`python -m gen`: the same as the console script `kvmgen`."""

from gen.cli import main

main()
