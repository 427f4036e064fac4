"""The only modules that import an AWS library or a cryptographic one."""
