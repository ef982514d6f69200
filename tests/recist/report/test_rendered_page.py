"""The page as a browser shows it, in light and dark, by rules that tools for accessibility check.

Words against the ground that is painted behind them (WCAG 2.1, 1.4.3), the order of headings
(1.3.1), names of pictures and of what can be worked (1.1.1, 4.1.2), title and language (2.4.2,
3.1.1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recist.patient.result import PatientResult
from recist.report.page import render

pytestmark = pytest.mark.browser

FAULTS = """() => {
  const faults = [];
  const told = (e, what) => faults.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  const parts = (colour) => {
    const n = colour.match(/[\\d.]+/g).map(Number);
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const light = ([r, g, b]) => {
    const f = (x) => ((x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const over = (a, b) => [0, 1, 2].map((n) => a[n] * a[3] + b[n] * (1 - a[3]));
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const canvas = dark ? [18, 18, 18] : [255, 255, 255];
  const ground = (e) => {  // null: a picture lies behind
    const layers = [];
    for (; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') return null;
      layers.push(parts(style.backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), canvas);
  };
  let words = 0;
  for (const e of document.body.querySelectorAll('*:not(svg *, script, style)')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(e);
    const behind = ground(e);
    if (!behind) continue;
    words += 1;
    const a = light(over(parts(style.color), behind));
    const b = light(behind);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) told(e, `contrast ${ratio.toFixed(2)}`);
  }
  let level = 0;
  for (const e of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const own = Number(e.tagName[1]);
    if (own > level + 1) told(e, `heading after level ${level}`);
    level = own;
  }
  const named = (e) =>
    (e.getAttribute('aria-label') || e.getAttribute('alt') || e.textContent || e.title).trim();
  for (const e of document.querySelectorAll('a[href], button, summary, [tabindex="0"]'))
    if (!named(e)) told(e, 'no name');
  for (const e of document.querySelectorAll('img'))
    if (!e.hasAttribute('alt')) told(e, 'no text for a picture');
  for (const e of document.querySelectorAll('svg[role=img]:not([aria-label])'))
    if (!e.querySelector('title')) told(e, 'no text for a picture');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) faults.push('an id twice');
  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title.trim()) faults.push('no title');
  return { faults, words };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(
    chromium: Any, usual: PatientResult, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(usual), encoding="utf-8")
    page = chromium.new_page(color_scheme=scheme)
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    seen = page.evaluate(FAULTS)
    assert seen["words"] > 100
    assert seen["faults"] == []
    # The check itself finds what it should.
    page.add_style_tag(content="body * { color: #888 !important; background: #777 !important }")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<h6>x</h6><button></button>')")
    told = page.evaluate(FAULTS)["faults"]
    for kind in ("contrast", "heading after", "no name"):
        assert any(each.startswith(kind) for each in told), kind
