"""The rules: standard library only, without clock, randomness or I/O."""
