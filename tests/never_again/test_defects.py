"""Every defect of the table has its test, in this folder or where it was tested already."""

from __future__ import annotations

import ast

from tests.house.sources import python_files, tree
from tests.never_again.defects import DEFECTS


def test_every_id_stands_in_the_name_of_a_test() -> None:
    names = [
        node.name
        for path in python_files("tests")
        if path.name.startswith("test_")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    ids = [one for defect in DEFECTS for one in defect.ids]

    assert [one for one in ids if not any(f"_{one}_" in name for name in names)] == []
    assert len(DEFECTS) == 21
    assert len(ids) == len(set(ids))
