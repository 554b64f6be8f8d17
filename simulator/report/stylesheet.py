"""The stylesheet of report.html. Pictures keep a white card in the dark, because their colours are made for white."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1d2430; --soft: #5a6472; --paper: #fff; --line: #dfe3e8; --tint: #f4f6f8; --mark: #0072b2; --warn: #d55e00;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #a3adba; --paper: #14181e; --line: #323a45; --tint: #1d232b; --mark: #56b4e9; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1rem; overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.question { font-size: 1.1rem; color: var(--soft); white-space: pre-line; }
.answer, .missing { background: var(--tint); border-left: .3rem solid var(--mark); padding: .4rem 1rem; }
.missing { border-color: var(--warn); }
.answer p { margin: .4rem 0; max-width: 60rem; }
.caption { color: var(--soft); font-size: .9rem; max-width: 48rem; margin: .3rem 0 .8rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); gap: .8rem; }
.panel {
  margin: 0; padding: .3rem; overflow-x: auto; break-inside: avoid;
  background: #fff; border: 1px solid var(--line); border-radius: .4rem;
}
.panel svg { display: block; width: 100%; height: auto; max-width: 34rem; margin: auto; }
.panel.wide { grid-column: 1 / -1; width: fit-content; max-width: 100%; }
.panel.wide svg { width: auto; max-width: none; margin: 0; }
.scroll { overflow-x: auto; overflow-wrap: normal; break-inside: avoid; }
table { border-collapse: separate; border-spacing: 0; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
@media (max-width: 40rem) {
  /* A long first column would hide the others, because it stays where it is while they scroll. */
  th:first-child, td:first-child { white-space: normal; min-width: 8rem; max-width: 40vw; }
  .words td { white-space: normal; min-width: 5.5rem; }
}
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
dt { font-weight: 600; }
dd { margin: 0 0 .6rem; max-width: 48rem; }
.facts {
  display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .15rem .8rem; font-size: .88rem;
}
.facts dt { font-weight: 400; color: var(--soft); max-width: 14rem; }
.facts dd { margin: 0; }
pre { background: var(--tint); padding: .8rem; font-size: .85rem; white-space: pre-wrap; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --line: #bbb; --tint: #f4f4f4; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  .panels { grid-template-columns: 1fr 1fr; }
  .panel.wide svg { max-width: 100%; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; }
  th, td { white-space: normal; padding: .15rem .3rem; }
}
"""
