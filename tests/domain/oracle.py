"""The combination rule once more, from the words of DESIGN section 4: slow, flat, unlike decide().

Every question is answered for all provisions together, as sets of names of rules that apply; no
sorting by narrowness, no early end. Only the dataclasses are shared with what it judges.
"""

from __future__ import annotations

from dataclasses import dataclass

from dmp.domain.consent import Actor, CareTeam, Delegate, Provision, Standing
from dmp.domain.decision import Asking, Item

SENSITIVE = {
    "BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "GDIS", "HIV", "MH", "MST", "OPIOIDUD",
    "PREGNANT", "PSY", "PSYTHPN", "SCA", "SDV", "SEX", "SICKLE", "SPI", "STD", "SUD", "TBOO", "VIO",
}  # fmt: skip
USE = {"SUD", "ETH", "ETHUD", "OPIOIDUD"}
CHILDREN = {
    "BH": {"COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN"} | USE,
    "MH": {"PSY", "PSYTHPN"},
    "PSY": {"PSYTHPN"},
    "SUD": USE,
    "ETH": USE,
    "STD": {"HIV"},
    "SEX": {"STD", "PREGNANT"},
    "VIO": {"SDV", "MST"},
    "SDV": {"MST"},
}
TREATMENT = ("TREAT", "ETREAT", "HPAYMT", "HOPERAT", "PATRQT")


@dataclass(frozen=True)
class Case:
    """One question, with what every answer needs."""

    asking: Asking
    standing: Standing
    item: Item


def answer(asking: Asking, standing: Standing, item: Item) -> tuple[str, str]:
    """`permit` or `refuse`, and the rule."""
    case = Case(asking, standing, item)
    if asking.patient is not None:
        return _patient_session(case)
    if item.type in ("Consent", "AuditEvent"):
        return "refuse", "patient-only"
    return _emergency(case) if asking.purpose == "BTG" else _ordinary(case)


# The patient, and who acts for them ------------------------------------------------------------


def _patient_session(case: Case) -> tuple[str, str]:
    seals = [p for p in case.standing.provisions if _seals(p, case) and _timely(p, case)]
    weak = not case.asking.strong
    if case.asking.patient == case.standing.owner:
        closed = seals and weak and case.item.type not in ("Consent", "AuditEvent")
        return ("refuse", "stronger-sign-in") if closed else ("permit", "patient-own")
    acting = sorted((d.kind, d.related, d) for d in case.standing.delegates if _may_act(d, case))
    if not acting:
        return "refuse", "not-the-patient"
    kind, related, _ = acting[0]
    her = Actor("related-person", related)
    for seal in seals:
        if not any(
            her in p.actors and _timely(p, case) and _inside(p, seal, case)
            for p in case.standing.provisions
        ):
            return "refuse", "seal"
    for p in case.standing.provisions:
        if p.effect == "deny" and her in p.actors and _timely(p, case) and _hits(p, case):
            return "refuse", "consent-deny"
    return ("refuse", "stronger-sign-in") if seals and weak else ("permit", kind)


def _may_act(delegate: Delegate, case: Case) -> bool:
    wanted: dict[tuple[str, str], str] = {
        ("Consent", "read"): "consent",
        ("Consent", "write"): "consent",
        ("AuditEvent", "read"): "journal",
        ("AuditEvent", "write"): "(nobody)",
    }
    power = wanted.get((case.item.type, case.asking.direction), case.asking.direction)
    return (
        delegate.person == case.asking.patient
        and power in delegate.powers
        and not case.asking.now < delegate.starts
        and (delegate.ends == "" or case.asking.now < delegate.ends)
    )


# Practitioners ---------------------------------------------------------------------------------


def _ordinary(case: Case) -> tuple[str, str]:
    live = [
        p
        for p in case.standing.provisions
        if _timely(p, case) and _purposeful(p, case) and p.grant != "break-glass"
    ]
    for seal in live:
        if _seals(seal, case) and not any(_opens(p, seal, case) for p in live):
            return "refuse", "seal"
    for block in live:
        if _blocks(block, case) and not any(
            _lifts(p, block, case) and _hits(p, case) for p in live
        ):
            return "refuse", "block"
    rest = [
        p
        for p in live
        if _hits(p, case) and _names(p, case) and not _blocks(p, case) and not _seals(p, case)
    ]
    for data in range(4):
        for who in range(4):
            here = [p for p in rest if _data_rank(p) == data and _actor_rank(p, case) == who]
            if any(p.effect == "deny" for p in here):
                return "refuse", "consent-deny"
            if here:
                return "permit", "consent-permit"
    return _implicit(case)


def _implicit(case: Case) -> tuple[str, str]:
    marked = {"R", "V"} | SENSITIVE
    normal = not any(label in marked for label in case.item.labels)
    uses = {"all-normal": True, "basic-normal": case.asking.purpose in TREATMENT}
    if normal and uses.get(case.standing.policy):
        return "permit", "policy-permit"
    return "refuse", "policy-deny"


def _emergency(case: Case) -> tuple[str, str]:
    live = [p for p in case.standing.provisions if _timely(p, case)]
    for seal in live:
        if "BTG" in seal.purposes and _seals(seal, case):
            named = [p for p in live if "BTG" in p.purposes]
            if not any(_opens(p, seal, case) for p in named):
                return "refuse", "seal"
    for block in live:
        if _blocks(block, case) and not any(
            _lifts(p, block, case) and _hits(p, case) and _is_enough(p, block) for p in live
        ):
            return "refuse", "block"
    for p in live:
        everyone = all(actor.kind == "anyone" for actor in p.actors)
        root_deny = p.effect == "deny" and not p.nested and _data_rank(p) == 3
        if root_deny and everyone and "BTG" in p.purposes:
            return "refuse", "break-glass-forbidden"
    for p in live:
        kinds = {actor.kind for actor in p.actors}
        both = "practitioner" in kinds and "organization" in kinds
        if p.grant == "break-glass" and p.effect == "permit" and both and _names(p, case):
            return "permit", "break-glass"
    return "refuse", "break-glass-needed"


def _is_enough(permit: Provision, block: Provision) -> bool:
    """A block is lifted in an emergency for BTG, or wherever the block applies at all."""
    if permit.grant == "break-glass":
        return False
    if permit.purposes == () or "BTG" in permit.purposes:
        return True
    return block.purposes != () and all(p in permit.purposes for p in block.purposes)


# Words -----------------------------------------------------------------------------------------


def _timely(p: Provision, case: Case) -> bool:
    asked = case.asking
    began = p.starts == "" or p.starts <= asked.now
    over = p.ends != "" and p.ends <= asked.now
    return began and not over and (p.directions == () or asked.direction in p.directions)


def _purposeful(p: Provision, case: Case) -> bool:
    return p.purposes == () or case.asking.purpose in p.purposes


def _seals(p: Provision, case: Case) -> bool:
    """A root deny of data, for everyone."""
    everyone = {actor.kind for actor in p.actors} <= {"anyone"}
    return p.effect == "deny" and not p.nested and everyone and _data_rank(p) < 3 and _hits(p, case)


def _inside(p: Provision, seal: Provision, case: Case) -> bool:
    same = p.nested and p.effect == "permit" and p.consent == seal.consent
    return same and (p.data == seal.data or _hits(p, case))


def _opens(p: Provision, seal: Provision, case: Case) -> bool:
    return _inside(p, seal, case) and any(
        _is(actor, case) for actor in p.actors if actor.kind != "anyone"
    )


def _blocks(p: Provision, case: Case) -> bool:
    own = [a for a in p.actors if a.kind in ("practitioner", "organization") and _is(a, case)]
    return p.effect == "deny" and _data_rank(p) == 3 and own != []


def _lifts(p: Provision, block: Provision, case: Case) -> bool:
    """A later permit that names the practitioner, or an exception in the block that does."""
    exception = p.nested and not block.nested and p.consent == block.consent
    same = [a for a in p.actors if a.kind == "practitioner" and _is(a, case)]
    whole = p.grant == "" or all(_is(a, case) for a in p.actors)
    after = block.recorded < p.recorded
    return p.effect == "permit" and (after or exception) and same != [] and whole


def _names(p: Provision, case: Case) -> bool:
    yes = [_is(actor, case) for actor in p.actors]
    return yes != [] and (all(yes) if p.grant else any(yes))


def _is(actor: Actor, case: Case) -> bool:
    asked = case.asking
    if actor.kind == "care-team":
        return any(_on(team, case) for team in case.standing.teams if team.id == actor.value)
    return {
        "practitioner": actor.value in asked.practitioner,
        "organization": actor.value in asked.organization,
        "role": actor.value == asked.role != "",
        "anyone": True,
    }.get(actor.kind, False)


def _on(team: CareTeam, case: Case) -> bool:
    now, kinds = case.asking.now, ("practitioner", "organization")
    for member in team.members:
        in_time = member.starts <= now and (member.ends == "" or now < member.ends)
        if (
            in_time
            and member.actors
            and all(a.kind in kinds and _is(a, case) for a in member.actors)
        ):
            return True
    return False


def _data_rank(p: Provision) -> int:
    """Item 0, author or encounter 1, label, class or date 2, all 3."""
    data = p.data
    ranks = [
        (data.items, 0), (data.authors, 1), (data.related, 1), (data.labels, 2), (data.types, 2),
        (data.period[0] + data.period[1], 2),
    ]  # fmt: skip
    return min([rank for given, rank in ranks if given], default=3)


def _actor_rank(p: Provision, case: Case) -> int:
    order = {"practitioner": 0, "organization": 1, "role": 2, "care-team": 2, "anyone": 3}
    return min(order[a.kind] for a in p.actors if _is(a, case))


def _hits(p: Provision, case: Case) -> bool:
    """A permit hits what is surely meant, a deny what may be meant."""
    item, data, deny = case.item, p.data, p.effect == "deny"
    me = f"{item.type}/{item.id}"
    told = {me} | {r for r in item.related if deny and not r.startswith("Patient/")}
    tests = [
        data.items == () or any(i in told for i in data.items),
        data.types == () or item.type in data.types,
        data.authors == () or any(a == item.author or a in item.writers for a in data.authors),
        data.related == ()
        or any(r in (item.encounter, me) or r in item.related for r in data.related),
        data.labels == () or any(_labelled(label, item, deny=deny) for label in data.labels),
        data.period == ("", "") or _dated(item.date[:10], *data.period, deny=deny),
    ]
    return all(tests)


def _labelled(label: str, item: Item, *, deny: bool) -> bool:
    own = set(item.labels)
    level = "V" if "V" in own else "R" if "R" in own or own & SENSITIVE else "N"
    if deny:
        implied = label == level or (label == "R" and level == "V")
        return label in own or implied or bool(own & CHILDREN.get(label, set()))
    if label in ("U", "L", "M", "N", "R", "V"):
        return label == level or (level == "N" and label in own)
    return label in own


def _dated(day: str, first: str, last: str, *, deny: bool) -> bool:
    """By every day that an imprecise date may be: all of them for a permit, one for a deny."""
    if not day:
        return deny
    earliest, latest = _span(day)
    begins, ends = (_span(first)[0] if first else ""), (_span(last)[1] if last else "9999-99-99")
    return (
        (begins <= latest and earliest <= ends) if deny else (begins <= earliest and latest <= ends)
    )


def _span(date: str) -> tuple[str, str]:
    year, month, day = [*date.split("-"), "", ""][:3]
    return f"{year}-{month or '01'}-{day or '01'}", f"{year}-{month or '12'}-{day or '31'}"
