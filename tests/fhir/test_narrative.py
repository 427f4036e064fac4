"""Narrative: well-formed, of the allowed elements, and nothing active."""

from __future__ import annotations

import time

import nh3
import pytest

from dmp.fhir import sanitising
from dmp.fhir.narrative import LEVELS_MAX, div

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
    deep = LEVELS_MAX - 1
    assert div(f"<div {NS}>" + "<b>" * deep + "x" + "</b>" * deep + "</div>") is None
    assert div(f"<div {NS}>" + "<b>" * 50_000 + "x" + "</b>" * 50_000 + "</div>")


@pytest.mark.parametrize(
    "inner",
    [
        "<p/>x",
        "<table><tr><td>x</td></tr></table>",
        "<p>a<ul><li>b</li></ul>c</p>",
        "<table>x<tr><td>y</td></tr></table>",
        '<a href="#a">x<a href="urn:x">y</a></a>',
        '<a href="tel:+212500000001">x</a><hr/><img src="#i" alt="x &lt; y &amp; z"/>',
        "<pre>\n  x\n</pre><dl><dt>x</dt><dd>y</dd></dl>",
        '<font color="red">x</font><center>y</center><map name="m"><area alt="" href="#"/></map>',
        "\u0627\u0644\u0636\u063a\u0637 \U0001f600 \u2d30\u2d4e\u2d30\u2d63\u2d49\u2d56",
    ],
)
def test_what_a_browser_reads_in_its_own_way_is_kept(inner: str) -> None:
    assert div(f"<div {NS}>{inner}</div>") is None


@pytest.mark.parametrize("inner", ["<tr><td>x</td></tr>", "<b>x</b><tbody>y</tbody>"])
def test_what_a_browser_would_drop_is_refused(inner: str) -> None:
    assert div(f"<div {NS}>{inner}</div>")


def test_what_only_the_sanitiser_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were an attribute on our list that the sanitiser holds for active, it would still be out."""
    strict = nh3.Cleaner(tags={"div", "a"}, attributes={"a": {"title"}}, link_rel=None)
    monkeypatch.setattr(sanitising, "_cleaner", lambda: strict)
    assert div(f'<div {NS}><a title="x">x</a></div>') is None
    assert div(f'<div {NS}><a href="https://example.org">x</a></div>')
    assert div(f"<div {NS}><b>x</b></div>")
