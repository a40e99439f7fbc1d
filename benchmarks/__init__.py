"""Every number in the README and in `docs/` comes from here: `make bench`, or `python -m benchmarks NAME`."""
