// The report's style: light and dark by what the reader's system says, and without colours that paper doesn't need.

export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0;
  --plain: #4878b8; --dirty: #b86e00; --switch: #b3306a; --good: #1a7f37; --bad: #c22f2b; --box: #f6f8fa;
  --p0: #4878b8; --p1: #b86e00; --p2: #3b8a5a; --p3: #b3306a; --p4: #7a5cc0; --p5: #6b7680; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1419; --ink: #e6edf3; --faint: #9da7b1; --line: #363e47;
  --plain: #6ea3e8; --dirty: #e0a13c; --switch: #f07aa8; --good: #4cc36a; --bad: #ff7b72; --box: #171d24;
  --p0: #6ea3e8; --p1: #e0a13c; --p2: #63c08a; --p3: #f07aa8; --p4: #ab93f0; --p5: #97a2ad; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; } .faint, .legend, caption { color: var(--faint); }
.verdict { border-left: 4px solid var(--faint); background: var(--box); padding: .6rem .9rem; overflow-wrap: anywhere; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
thead th { color: var(--faint); font-weight: 600; white-space: nowrap; } tbody th { font-weight: 400; }
.number { text-align: right; white-space: nowrap; } caption { text-align: left; padding-bottom: .3rem; }
.blocker { color: var(--bad); font-weight: 600; } .warning { color: var(--dirty); font-weight: 600; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0 .75rem; }
svg text { font-size: 12px; fill: var(--ink); } svg .middle { text-anchor: middle; }
.plain { fill: var(--plain); background: var(--plain); } .dirty { fill: var(--dirty); background: var(--dirty); }
.switch { fill: var(--switch); } .failed { fill: var(--bad); } .axis { stroke: var(--line); }
circle.predicted { fill: var(--switch); } polyline.predicted { fill: none; stroke: var(--switch); stroke-width: 2; }
.limit { stroke: var(--bad); stroke-dasharray: 5 4; }
.key { display: inline-block; width: .9em; height: .9em; margin-left: .9em; vertical-align: -.08em; border-radius: 2px;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.key.predicted { background: var(--switch); } .key.limit { height: 0; border-top: 2px dashed var(--bad); vertical-align: .25em; }
${[0, 1, 2, 3, 4, 5].map((n) => `.part${n} { fill: var(--p${n}); background: var(--p${n}); }`).join(' ')}
@media print { body { max-width: none; padding: 0; font-size: 11px; } section { break-inside: avoid; }
  svg, .key { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
