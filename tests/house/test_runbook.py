"""Whoever is woken finds the alarm in the runbook, and the runbook names no alarm that is not."""

from __future__ import annotations

import re

from infra.template import ROOT, load, of_type
from tests.house.sources import tracked

ALARMS = of_type(load(), "AWS::CloudWatch::Alarm")
METRICS_MAX = 10  # of one alarm's expression


def rows() -> dict[str, tuple[str, str]]:
    """Alarm → what it means, what to do."""
    text = (ROOT / "infra" / "runbook.md").read_text("utf-8")
    table = text.partition("## Alarms")[2].partition("\n## ")[0]
    found = re.findall(r"^\| (\w[\w, ]*) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return {
        name: (means, act)
        for names, means, act in found
        if names != "alarm"
        for name in names.split(", ")
    }


def test_every_alarm_has_its_line_and_every_line_its_alarm() -> None:
    assert set(rows()) == set(ALARMS)
    assert all(len(text) >= 8 for row in rows().values() for text in row)


def test_an_alarm_says_what_is_wrong_and_fits_cloudwatch() -> None:
    for name, alarm in ALARMS.items():
        properties = alarm["Properties"]
        assert properties["AlarmDescription"], name
        assert properties["TreatMissingData"] == "notBreaching", name
        assert len(properties.get("Metrics", [])) <= METRICS_MAX, name


def test_a_metric_of_ours_that_rings_is_counted_somewhere() -> None:
    """An alarm on a metric that nobody writes never rings."""
    code = "\n".join(p.read_text("utf-8") for p in tracked() if p.suffix == ".py")
    counted = set(re.findall(r'count\(\s*"(\w+)"', code))
    ours = {
        alarm["Properties"]["MetricName"]
        for alarm in ALARMS.values()
        if alarm["Properties"].get("Namespace") == "DMP"
    }
    assert ours <= counted
