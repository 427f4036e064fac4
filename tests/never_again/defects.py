"""Defects that others shipped, by their ids: each has a test whose name bears the id.

CVE and GHSA ids as they are published; elsewhere the product and the number of its issue.
"""

from __future__ import annotations

from typing import NamedTuple


class Defect(NamedTuple):
    """What happened, and under which ids it is known, as they stand in the names of tests."""

    what: str
    ids: tuple[str, ...]


DEFECTS = (
    Defect("includes showed what the SMART compartment excludes", ("ms_fhir_5683",)),
    Defect("a read by id ignored what a search enforced", ("ms_fhir_2934",)),
    Defect("chains, _has and filters told of forbidden resources", ("hapi_6065",)),
    Defect("Bundle.total counted what consent hid", ("hapi_2012", "hapi_2020")),
    Defect("bulk export skipped the check of each resource", ("hapi_6854",)),
    Defect("an empty result here and 403 there told what is there", ("linuxforhealth_1849",)),
    Defect("a purged cache, an empty permitted list: everything", ("intersystems_hsdd_2316",)),
    Defect("some routes forgot the check", ("cve_2026_24487", "cve_2026_25164")),
    Defect(
        "URLs of clients were fetched; a prefix passed for the same origin",
        ("cve_2026_34359", "cve_2026_34360", "cve_2026_34361"),
    ),
    Defect(
        "XML with external entities",
        (
            "cve_2026_55471", "cve_2024_45294", "cve_2024_51132", "cve_2024_52007",
            "cve_2024_55887",
        ),
    ),
    Defect("archives unpacked outside their folder", ("cve_2023_24057", "cve_2023_28465")),
    Defect("a redirect led to the metadata service", ("cve_2024_38098",)),
    Defect(
        "a public key taken for a secret",
        ("cve_2022_29217", "cve_2024_37568", "cve_2024_33663"),
    ),
    Defect("the header's algorithm allowed, the key's used", ("cve_2026_48523",)),
    Defect("each unknown kid was a fetch", ("cve_2026_48524",)),
    Defect("an unknown crit was passed over", ("cve_2025_59420", "python_jose_413")),
    Defect("a compressed token that unfolds to gigabytes", ("cve_2024_33664",)),
    Defect("key commitment could be taken away", ("cve_2026_6550",)),
    Defect("addresses and ids of people in logs", ("medplum_8812",)),
    Defect("names of FHIR packages free to take on npm", ("fhir_notice_2026_03_17",)),
    Defect("a batch answer of a wrong shape lost the batch", ("powertools_7596",)),
)  # fmt: skip
