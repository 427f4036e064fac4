"""A plugin for mutmut 3.7 (the newest beside the SAM command): it reads a name pytest 9 dropped."""

from __future__ import annotations

import pytest

pytest.Item._nodeid = property(lambda item: item.nodeid)  # type: ignore[attr-defined]
