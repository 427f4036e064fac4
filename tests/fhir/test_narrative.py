"""Narrative: well-formed, of the allowed elements, and nothing active."""

from __future__ import annotations

import time

import pytest

from dmp.fhir.narrative import div

NS = 'xmlns="http://www.w3.org/1999/xhtml"'

ALLOWED = [
    f"<div {NS}>Tension : 12/8</div>",
    f"<div {NS}><p><b>x</b> &amp; &lt; &#160;</p><!-- note --></div>",
    f'<div {NS} lang="ar" dir="rtl" xml:lang="ar">x</div>',
    f'<div {NS}><table><tr><td colspan="2">x</td></tr></table></div>',
    f'<div {NS}><a href="Patient/1">x</a><a href="https://example.org">y</a></div>',
    f'<div {NS}><img src="data:image/png;base64,AAAA" alt=""/></div>',
    f'<div {NS} style="color: red">x</div>',
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
]
REFUSED = {
    "not text": 5,
    "no namespace": "<div>x</div>",
    "another root": f"<p {NS}>x</p>",
    "nothing to read": f"<div {NS}> <p/> </div>",
    "not closed": f"<div {NS}><p>x</div>",
    "two roots": f"<div {NS}>x</div><div {NS}>y</div>",
    "script": f"<div {NS}><script>x</script></div>",
    "script in another case": f"<div {NS}><SCRIPT>x</SCRIPT></div>",
    "iframe": f'<div {NS}><iframe src="x"/>x</div>',
    "form": f"<div {NS}><form><input/></form>x</div>",
    "svg": f'<div {NS}><svg xmlns="http://www.w3.org/2000/svg"/>x</div>',
    "handler": f'<div {NS}><p onclick="x()">x</p></div>',
    "javascript link": f'<div {NS}><a href="javascript:x()">x</a></div>',
    "javascript link, encoded": f'<div {NS}><a href="&#106;avascript:x()">x</a></div>',
    "javascript link, spaced": f'<div {NS}><a href=" java&#10;script:x()">x</a></div>',
    "javascript link, hidden": f'<div {NS}><a href="\u200bjavascript:x()">x</a></div>',
    "data link": f'<div {NS}><a href="data:text/html,x">x</a></div>',
    "vbscript image": f'<div {NS}><img src="vbscript:x"/></div>',
    "active style": f'<div {NS} style="width: expression(x)">x</div>',
    "style sheet": f"<div {NS}><style>p {{}}</style>x</div>",
    "document type": f"<!DOCTYPE div><div {NS}>x</div>",
    "entity": f'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><div {NS}>&e;</div>',
    "undeclared entity": f"<div {NS}>&nbsp;x</div>",
    "instruction": f"<div {NS}><?php x?>x</div>",
    "XML declaration": f'<?xml version="1.0"?><div {NS}>x</div>',
    "half a surrogate": f"<div {NS}>&#xD800;</div>",
}


@pytest.mark.parametrize("text", ALLOWED)
def test_allowed(text: str) -> None:
    assert div(text) is None


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: object) -> None:
    assert div(text)


def test_entities_never_multiply() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)
    )
    start = time.process_time()
    assert div(f"{bomb}]><div {NS}>&a11;</div>")
    assert time.process_time() - start < 1


def test_deep_markup_is_no_harm() -> None:
    assert div(f"<div {NS}>" + "<b>" * 50_000 + "x" + "</b>" * 50_000 + "</div>") is None
