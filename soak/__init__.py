"""The soak: a real exporter among faults, reloads, rotations and scrapes that a seed draws, and what must hold of it.

`plan` says what is done and when, `invariants` what must then be seen; both are pure. The servers that misbehave are
those of the tests, which `make soak` puts in reach.
"""
