"""The real clock and the system's randomness."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """Implements the port `Clock`."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def random_bits(self, bits: int) -> int:
        """From the operating system."""
        return secrets.randbits(bits)
