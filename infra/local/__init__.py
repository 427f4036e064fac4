"""The local stack: the operators' own template on an emulator, with synthetic people."""
