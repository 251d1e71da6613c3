"""The style sheet of a card."""

CSS = """
:root{color-scheme:light dark;--page:#F6F7F9;--card:#FFF;--ink:#12151C;--soft:#505866;--line:#E3E6EB;--accent:#2D5AD6;
--bad:#B4232A;--warn:#8A4B00;--hc-surface:var(--card)}
@media(prefers-color-scheme:dark){:root{--page:#0C0E12;--card:#14171D;--ink:#EDF0F5;--soft:#A5ADBA;--line:#262B34;
--accent:#8BA4FA;--bad:#FF8589;--warn:#FFB05C}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 16px 48px;max-width:1040px;background:var(--page);color:var(--ink);
font:14px/1.5 Inter,ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
h1{margin:0 0 6px;font-size:26px;line-height:1.25;font-weight:620;letter-spacing:-.01em}
h2{margin:0 0 12px;font-size:17px;font-weight:600;grid-column:1/-1}
h3{margin:0 0 6px;font-size:13px;font-weight:600}
p{margin:0 0 12px;max-width:76ch}
.kind{margin:0 0 4px;color:var(--soft);font-size:12px}
.lead{color:var(--soft);font-size:15px}
section{display:grid;grid-template-columns:1fr 1fr;gap:14px;margin-top:14px;padding:18px;background:var(--card);
border:1px solid var(--line);border-radius:10px}
section>*{grid-column:1/-1;min-width:0;margin-bottom:0}
section>figure{grid-column:auto}
figure{margin:0;padding:12px;border:1px solid var(--line);border-radius:10px}
figure svg{width:100%}
figcaption{margin-top:8px;color:var(--soft);font-size:12px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:0}
.facts div{padding-left:12px;border-left:2px solid var(--accent)}
dt{color:var(--soft);font-size:12px}
dd{margin:0;font-size:27px;line-height:34px;font-weight:620}
dd span{display:block;color:var(--soft);font-size:12px;line-height:16px;font-weight:400}
ul{margin:0;padding-left:20px;max-width:90ch}
.notes{padding:0;list-style:none;max-width:none}
.notes li{padding:8px 12px;border-left:3px solid;margin-bottom:6px}
.notes b{white-space:nowrap}
.warning li{border-color:var(--warn)}.warning b{color:var(--warn)}
.serious li{border-color:var(--bad)}.serious b{color:var(--bad)}
details{font-size:12px}
summary{cursor:pointer;color:var(--accent);padding:6px 0}
.scroll{overflow-x:auto;max-height:480px}
table{border-collapse:collapse;font-size:12px;width:100%}
caption{text-align:left;color:var(--soft);padding-bottom:6px}
th,td{padding:5px 12px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);min-width:3.5em}
th{color:var(--soft);font-weight:500;white-space:nowrap}
td{overflow-wrap:break-word;word-break:normal}
.n{text-align:right;white-space:nowrap}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media(max-width:760px){body{padding:16px 10px 32px}section{grid-template-columns:1fr;padding:14px}h1{font-size:22px}}
@media print{body{max-width:none;padding:0;background:none}section{break-inside:avoid;border:0;padding:0}
details::details-content{content-visibility:visible;height:auto}}
""".replace("\n", "")
