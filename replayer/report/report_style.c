/*
 * How a page begins and looks. System fonts, two colours with meaning (recorded, new) in a light and a dark form,
 * figures of equal width, columns that align. Differences are told by line as well as by colour.
 */
#include "report_page.h"

/* In two parts: a compiler need not take a longer string than 4,095 characters. */
static const char style_of_text[] =
    "<style>\n"
    ":root{color-scheme:light dark;"
    "--paper:#fdfcfa;--ink:#22211f;--quiet:#6d6a65;--rule:#dedad3;--wash:#f4f1ec;"
    "--recorded:#98938b;--fresh:#2b6a94;--bad:#a63d2b;--good:#3c7a4a;"
    "--removed:#f6dcd6;--added:#d9ecd9}\n"
    "@media (prefers-color-scheme:dark){:root{"
    "--paper:#191a1b;--ink:#dddad4;--quiet:#98948d;--rule:#37383a;--wash:#222325;"
    "--recorded:#7d7a75;--fresh:#78b4da;--bad:#e08a78;--good:#85bd91;"
    "--removed:#4d2a25;--added:#243f2a}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu "
    "Sans',sans-serif}\n"
    "main{max-width:62rem;margin:0 auto;padding:3.5rem 1.5rem 5rem}\n"
    "h1{font-size:1.85rem;line-height:1.25;font-weight:600;letter-spacing:-.012em;margin:.35rem 0 "
    ".8rem;text-wrap:balance}\n"
    "h2{font-size:1.1rem;font-weight:600;margin:3.2rem 0 .9rem;padding-top:1.1rem;border-top:1px "
    "solid var(--rule)}\n"
    "h3{font-size:.95rem;font-weight:600;margin:0 0 .5rem}\n"
    "p{margin:.4rem 0 .9rem;max-width:44rem}\n"
    ".over,.note,figcaption,th,.place{color:var(--quiet);font-size:.86rem}\n"
    ".over{margin:0}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums lining-nums}\n"
    "th{font-weight:500;text-align:left;padding:.2rem 1.6rem .35rem 0;vertical-align:bottom}\n"
    "td{padding:.32rem 1.6rem .32rem 0;border-top:1px solid var(--rule);vertical-align:baseline}\n"
    "th.n,td.n{text-align:right;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "table.even{width:100%;max-width:46rem}\n"
    ".even td:first-child{width:13rem}\n"
    "td.bar{min-width:8rem;vertical-align:middle}.bar svg{height:.6rem}"
    ".bar svg.pair{height:1.15rem}\n"
    ".wide{overflow-x:auto}\n"
    "dl.glance{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1.3rem "
    "1.6rem;margin:2rem 0 0}\n"
    ".glance dt{color:var(--quiet);font-size:.86rem}\n"
    ".glance dd{margin:0;font-size:1.45rem;font-variant-numeric:tabular-nums lining-nums;"
    "line-height:1.3}\n"
    ".glance dd small{display:block;font-size:.86rem;color:var(--quiet)}\n"
    ".failed{color:var(--bad);font-weight:600}.passed{color:var(--good)}\n"
    "code,pre,.place{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans "
    "Mono',monospace}\n"
    "code{font-size:.9em;overflow-wrap:anywhere}\n";

static const char style_of_figures[] =
    "svg{display:block;width:100%;height:auto;overflow:visible}\n"
    "svg text{fill:var(--quiet);font-size:11px;font-variant-numeric:tabular-nums}\n"
    ".axis{stroke:var(--rule);fill:none}\n"
    ".recorded{fill:var(--recorded)}.fresh,.same{fill:var(--fresh)}.track{fill:var(--wash)}\n"
    "path.recorded{fill:var(--recorded);fill-opacity:.22;stroke:var(--recorded);stroke-width:1.5}"
    "\n"
    "path.fresh{fill:var(--fresh);fill-opacity:.14;stroke:var(--fresh);stroke-width:1.5}\n"
    "line.recorded{stroke:var(--recorded)}line.fresh{stroke:var(--fresh)}\n"
    "line.p95{stroke-dasharray:3 3}\n"
    "svg text.recorded{fill:var(--quiet)}svg text.fresh{fill:var(--fresh)}\n"
    "figure{margin:0 0 1.6rem;max-width:46rem}\n"
    "figcaption{margin-bottom:.5rem}\n"
    ".key{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin:0 .35em 0 "
    ".9em;vertical-align:-.05em}\n"
    ".key.recorded{background:var(--recorded)}.key.fresh{background:var(--fresh)}\n"
    "article{margin:0 0 2.4rem}\n"
    "article header{display:flex;flex-wrap:wrap;gap:.1rem 1rem;align-items:baseline;"
    "justify-content:space-between}\n"
    "article h3{margin:0}\n"
    "blockquote,.sides pre{margin:.5rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere;"
    "unicode-bidi:plaintext}\n"
    "blockquote{border-left:3px solid var(--rule);padding:.1rem 0 .1rem .9rem;color:var(--quiet);"
    "font-size:.92rem;max-height:9rem;overflow:auto}\n"
    ".sides{display:grid;grid-template-columns:1fr 1fr;gap:0 1.4rem;margin-top:.9rem}\n"
    ".sides h4{margin:0;font-size:.86rem;font-weight:500;color:var(--quiet)}\n"
    ".sides pre{font-size:.84rem;line-height:1.5;background:var(--wash);padding:.7rem "
    ".85rem;border-radius:4px;max-height:28rem;overflow:auto}\n"
    "@media (max-width:40rem){.sides{grid-template-columns:1fr;gap:1rem}}\n"
    "del{background:var(--removed);text-decoration:line-through;text-decoration-thickness:1px}\n"
    "ins{background:var(--added);text-decoration:underline;text-decoration-thickness:1px;"
    "text-underline-offset:.2em}\n"
    "footer{margin-top:4rem;padding-top:1rem;border-top:1px solid var(--rule)}\n"
    "@media print{main{max-width:none;padding:0}.sides pre,blockquote{max-height:none}article{"
    "break-inside:avoid}}\n";

void rn_page_begin(struct rn_sheet *sheet, struct rn_bytes title, const char *const *styles)
{
    rn_sheet_put(sheet, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                        "<meta http-equiv=\"Content-Security-Policy\" "
                        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                        "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    rn_sheet_bytes(sheet, title);
    rn_sheet_put(sheet, "</title>\n");
    rn_sheet_put(sheet, style_of_text);
    rn_sheet_put(sheet, style_of_figures);
    for (; styles != NULL && *styles != NULL; styles++) {
        rn_sheet_put(sheet, *styles);
    }
    rn_sheet_put(sheet, "</style>\n</head>\n<body>\n<main>\n");
}

void rn_page_end(struct rn_sheet *sheet)
{
    rn_sheet_put(sheet, "</main>\n</body>\n</html>\n");
}
