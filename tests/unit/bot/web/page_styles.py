"""Pages made as well-known programs make them: what is to be kept of each, in its order, and what
stands around it."""

from __future__ import annotations

from dataclasses import dataclass, field

_WORDS = (
    "The keeper trims the wick every evening before the sun goes down, and writes the hour into "
    "the book that lies beside the lamp. "
)


@dataclass(frozen=True)
class Styled:
    """A page with the texts that a reader looks for, and those that are furniture."""

    html: str = field(repr=False)
    kept: tuple[str, ...]
    around: tuple[str, ...] = ()


_MENU = "".join(f'<li><a href="/{n}">Menu entry {n}</a></li>' for n in range(12))

STYLES: dict[str, Styled] = {
    "sphinx": Styled(
        f"""<!DOCTYPE html><html lang="en" data-content_root="./"><head><meta charset="utf-8">
        <title>1. Pumps — Harbour 2.1 documentation</title></head><body>
        <div class="related" role="navigation" aria-label="Related"><h3>Navigation</h3><ul>
        <li class="right"><a href="genindex.html">index</a></li></ul></div>
        <div class="document"><div class="documentwrapper"><div class="bodywrapper">
        <div class="body" role="main"><section id="pumps">
        <h1><span class="section-number">1. </span>Pumps<a class="headerlink"
        href="#pumps">¶</a></h1>
        <p>{_WORDS}</p><section id="cookies"><h2><span class="section-number">1.1. </span>Cookies
        <a class="headerlink" href="#cookies" title="Link to this heading">¶</a></h2>
        <p>They are baked on Sundays.</p></section>
        <dl class="py function"><dt class="sig sig-object py" id="pump.start">
        <span class="sig-prename descclassname"><span class="pre">pump.</span></span><span
        class="sig-name descname"><span class="pre">start</span></span><span
        class="sig-paren">(</span><em class="sig-param"><span class="pre">bar</span></em><span
        class="sig-paren">)</span><a class="headerlink" href="#pump.start">¶</a></dt>
        <dd><p>Start the pump.</p><dl class="field-list simple"><dt class="field-odd">Parameters
        <span class="colon">:</span></dt><dd class="field-odd"><p><strong>bar</strong>
        – pressure</p></dd></dl></dd></dl>
        <div class="admonition note"><p class="admonition-title">Note</p><p>Wear gloves.</p></div>
        <div class="highlight-python notranslate"><div class="highlight"><pre><span></span><span
        class="n">pump</span><span class="o">.</span><span class="n">start</span>(<span
        class="mi">3</span>)
</pre></div></div></section></div></div></div>
        <div class="sphinxsidebar" role="navigation"><h3>Table of Contents</h3><ul><li>
        <a href="#">Side entry</a></li></ul></div></div>
        <div class="footer" role="contentinfo">© Copyright 2024. Created using Sphinx</div>
        </body></html>""",
        ("# 1. Pumps", "trims the wick", "## 1.1. Cookies", "baked on Sundays",
         "pump.start(bar): Start the pump.", "Parameters: bar – pressure", "Note", "Wear gloves.",
         "```python\npump.start(3)\n```"),
        ("Side entry", "index", "Created using", "¶"),
    ),
    "mkdocs": Styled(
        f"""<!doctype html><html><head><title>Install - Harbour</title></head><body
        dir="ltr" data-md-color-scheme="default"><a class="md-skip" href="#install">Skip to
        content</a><header class="md-header"><nav class="md-header__inner"><div>Harbour</div></nav>
        </header><div class="md-container"><main class="md-main"><div class="md-main__inner">
        <div class="md-sidebar md-sidebar--primary"><nav><ul>{_MENU}</ul></nav></div>
        <div class="md-sidebar md-sidebar--secondary"><nav class="md-nav" aria-label="Table of
        contents"><ul><li><a href="#linux">Linux</a></li></ul></nav></div>
        <div class="md-content"><article class="md-content__inner md-typeset">
        <a href="https://example.org/edit" class="md-content__button md-icon"><svg></svg></a>
        <h1 id="install">Install<a class="headerlink" href="#install">&para;</a></h1>
        <p>{_WORDS}</p><h2 id="share">Share<a class="headerlink" href="#share">&para;</a></h2>
        <div class="tabbed-set tabbed-alternate"><input checked id="__tabbed_1_1" type="radio">
        <input id="__tabbed_1_2" type="radio"><div class="tabbed-labels"><label
        for="__tabbed_1_1">Unix</label></div><div class="tabbed-content"><div class="tabbed-block">
        <div class="language-sh highlight"><pre><span></span><code><a id="l1"></a>make run
</code></pre></div></div></div></div>
        <table><thead><tr><th>Key</th><th>Value</th></tr></thead><tbody><tr><td><code>port</code>
        </td><td>8081</td></tr></tbody></table>
        <ul class="task-list"><li class="task-list-item"><label><input type="checkbox" disabled
        checked><span></span></label> Tested</li></ul></article></div></div></main>
        <footer class="md-footer"><div>Made with Material for MkDocs</div></footer></div></body>""",
        ("# Install", "trims the wick", "## Share", "Unix", "```sh\nmake run\n```",
         "| Key | Value |", "| `port` | 8081 |", "- [x] Tested"),
        ("Skip to", "Menu entry", "Made with", "¶", "[ ]"),
    ),
    "confluence": Styled(
        f"""<!DOCTYPE html><html><head><title>IT : VPN</title></head><body
        class="theme-default aui-theme-default"><div id="page"><div id="main"
        class="aui-page-panel"><div id="main-header"><div id="breadcrumb-section"><ol
        id="breadcrumbs"><li class="first"><span><a href="index.html">Crumb of IT</a></span></li>
        </ol></div><h1 id="title-heading" class="pagetitle"><span id="title-text">IT : VPN</span>
        </h1></div><div id="content" class="view"><div class="page-metadata">Created by
        <span class="author">Ada</span> on Mar 01, 2024</div><div id="main-content"
        class="wiki-content group"><p>{_WORDS}</p><h2 id="VPN-Setup">Setup</h2>
        <ol><li><p>Open the client.</p></li></ol><p>Then:</p><ol start="2"><li><p>Sign in.</p></li>
        </ol><div class="table-wrap"><table class="confluenceTable"><tbody><tr><th
        class="confluenceTh"><p>Site</p></th><th class="confluenceTh"><p>Host</p></th></tr><tr><td
        class="confluenceTd" rowspan="2"><p>Graz</p></td><td class="confluenceTd"><p>vpn1</p></td>
        </tr><tr><td class="confluenceTd"><p>vpn2</p></td></tr></tbody></table></div>
        <ul class="inline-task-list"><li class="checked" data-inline-task-id="1">Order a key</li>
        <li data-inline-task-id="2">Return it</li></ul></div></div></div>
        <div id="footer" role="contentinfo"><section class="footer-body"><p>Document generated by
        Confluence</p></section></div></div></body></html>""",
        ("# IT : VPN", "trims the wick", "## Setup", "1. Open the client.", "2. Sign in.",
         "| Site | Host |", "| Graz | vpn1 |", "| Graz | vpn2 |", "[x] Order a key",
         "[ ] Return it"),
        ("Document generated", "Crumb of IT"),
    ),
    "word": Styled(
        """<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office"
        xmlns="http://www.w3.org/TR/REC-html40"><head><meta http-equiv=Content-Type
        content="text/html; charset=windows-1252"><style><!-- p.MsoNormal {margin:0cm} --></style>
        <!--[if gte mso 9]><xml><o:Author>ghost</o:Author></xml><![endif]--></head>
        <body lang=DE style='tab-interval:35.4pt'><div class=WordSection1>
        <h1><span style='mso-list:Ignore'>1<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp;
        </span></span>Hausordnung<o:p></o:p></h1><p class=MsoNormal><b>R</b>auchen ist
        verboten.<o:p></o:p></p><p class=MsoListParagraphCxSpFirst
        style='text-indent:-18.0pt;mso-list:l0 level1 lfo1'><![if !supportLists]><span
        style='mso-list:Ignore'>3.<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp;</span>
        </span><![endif]>Dritter Punkt<o:p></o:p></p><p class=MsoListParagraphCxSpLast
        style='mso-list:l1 level2 lfo2'><![if !supportLists]><span
        style='font-family:Symbol;mso-list:Ignore'>·<span>&nbsp;</span></span><![endif]>Unterpunkt
        </p><table class=MsoTableGrid border=1><tr><td><p class=MsoNormal><b>Artikel</b></p></td>
        <td><p class=MsoNormal><b>Preis</b></p></td></tr><tr><td><p class=MsoNormal>Lampe</p></td>
        <td><p class=MsoNormal>3 &euro;</p></td></tr></table><p class=MsoNormal><o:p>&nbsp;</o:p>
        </p></div></body></html>""",
        ("# 1 Hausordnung", "Rauchen ist verboten.", "3. Dritter Punkt", "  - Unterpunkt",
         "| Artikel | Preis |\n| --- | --- |\n| Lampe | 3 € |"),
        ("ghost", "margin"),
    ),
    "github": Styled(
        f"""<html><head><title>GitHub - ada/harbour: A harbour</title></head><body
        class="logged-out"><div class="header"><a href="#start-of-content" class="p-3 show-on-focus
        js-skip-to-content">Skip to content</a><header role="banner"><nav><ul>{_MENU}</ul></nav>
        </header></div><main id="js-repo-pjax-container"><article class="markdown-body
        entry-content"><div class="markdown-heading"><h1 class="heading-element">Harbour</h1><a
        id="user-content-harbour" class="anchor" aria-label="Permalink" href="#harbour"><svg
        class="octicon octicon-link"></svg></a></div><p><a href="b"><img alt="build"
        src="badge.svg"></a></p><p>{_WORDS}</p><div class="markdown-heading"><h2>Use</h2></div>
        <div class="highlight highlight-source-shell"><pre>harbour open <span>--all</span></pre>
        <div class="zeroclipboard-container"><clipboard-copy aria-label="Copy" value="x">
        </clipboard-copy></div></div><details><summary>More</summary><p>Within it.</p></details>
        <p>Text<sup><a href="#fn-1" id="fnref-1">1</a></sup>.</p><section data-footnotes
        class="footnotes"><h2 class="sr-only">Footnotes</h2><ol><li id="fn-1"><p>A note. <a
        href="#fnref-1" class="data-footnote-backref">↩</a></p></li></ol></section>
        </article></main><footer><ul><li><a>Terms</a></li></ul></footer></body></html>""",
        ("# Harbour", "trims the wick", "## Use", "```shell\nharbour open --all\n```", "More",
         "Within it.", "Text¹.", "1. A note."),
        ("Skip to", "Menu entry", "Terms", "build", "↩", "Footnotes"),
    ),
    "wikipedia": Styled(
        f"""<html class="client-nojs"><head><title>Lighthouse - Wikipedia</title></head><body
        class="skin--responsive mediawiki ltr"><div class="vector-header-container"><header
        class="vector-header mw-header"><nav>Donate</nav></header></div><div id="content"
        class="mw-body" role="main"><h1 id="firstHeading">Lighthouse</h1><div id="bodyContent">
        <div id="siteSub" class="noprint">From Wikipedia</div><div id="mw-content-text">
        <table class="infobox"><caption>Pharos</caption><tbody><tr><th scope="row">Height</th><td>
        100&#160;m</td></tr><tr><th scope="row">Built</th><td>280 BC</td></tr></tbody></table>
        <p>{_WORDS * 3}<sup id="cite_ref-1" class="reference"><a href="#cite_note-1"><span
        class="cite-bracket">&#91;</span>1<span class="cite-bracket">&#93;</span></a></sup></p>
        <div id="toc" class="toc"><h2>Contents</h2><ul><li><a href="#History">History</a></li><li>
        <a href="#Optics">Optics</a></li><li><a href="#See_also">See also</a></li></ul></div>
        <div class="mw-heading mw-heading2"><h2 id="History">History</h2><span
        class="mw-editsection"><span>[</span><a href="e">edit</a><span>]</span></span></div>
        <p>{_WORDS * 2}</p><h2 id="Optics">Optics</h2><p>Range is <span
        class="mwe-math-element"><span style="display: none;"><math alttext="{{\\displaystyle
        d=3.57{{\\sqrt {{h}}}}}}"><mi>d</mi></math></span><img src="m.svg"
        class="mwe-math-fallback-image-inline" aria-hidden="true" alt="d=..."></span> km.</p>
        <h2 id="See_also">See also</h2><ul><li><a href="/wiki/L">Lightvessel</a></li><li><a
        href="/wiki/F">Foghorn</a></li></ul></div></div></div><footer>Privacy policy</footer>
        </body></html>""",
        ("# Lighthouse", "Pharos", "| Height | 100 m |", "trims the wick", "[1]", "## History",
         "## Optics", "d=3.57{\\sqrt {h}} km", "## See also", "Lightvessel", "Foghorn"),
        ("Donate", "edit", "Contents", "Privacy policy", "displaystyle"),
    ),
    "shop": Styled(
        f"""<html><head><title>Lamp A | Lamps &amp; Co</title></head><body><div
        id="onetrust-banner-sdk"><p>We use cookies to improve your visit.</p><button>Accept
        all</button></div><div class="top"><ul class="menu">{_MENU}</ul></div><div id="wrap"
        class="page has-sidebar"><div class="crumb breadcrumbs"><a href="/">Home</a> › <a
        href="/l">Lamps</a></div><div class="product"><h1>Lamp A</h1><p class="price"><span
        class="sr-only">Price:</span><del>€ 25.00</del> € 19.90</p><p>{_WORDS}</p><h2>Features</h2>
        <dl><dt>Weight</dt><dd>1.4 kg</dd><dt>Oil</dt><dd>colza</dd></dl><form>Size <select
        name="s"><option>S</option><option selected>M</option></select><button>Add to
        cart</button></form></div><div class="related-products related"><h2>Customers also
        bought</h2><a href="/b">Lamp B</a></div></div><div class="footer-links"><a href="/i">Imprint
        page</a> <a href="/p">Privacy page</a></div></body></html>""",
        ("# Lamp A", "~~€ 25.00~~ € 19.90", "trims the wick", "## Features", "Weight: 1.4 kg",
         "Oil: colza"),
        ("cookies", "Accept", "Menu entry", "Home", "also bought", "Add to cart", "Imprint page"),
    ),
    "flat page without any frame": Styled(
        "<html><body><h1>Fees</h1>" + "".join(
            f"<h2>Valid in {year}</h2><table><tr><th>Item</th><th>Fee</th></tr>" + "".join(
                f"<tr><td>Item {n} of the long list</td><td>{n + year - 2024} EUR</td></tr>"
                for n in range(20)
            ) + "</table>" for year in (2024, 2025)
        ) + "<p><a href='/a'>Imprint page</a> <a href='/b'>Privacy page</a></p></body></html>",
        ("# Fees", "## Valid in 2024", "| Item 3 of the long list | 3 EUR |", "## Valid in 2025",
         "| Item 3 of the long list | 4 EUR |"),
        ("Imprint page",),
    ),
    "questions": Styled(
        "<html><body><div class='menu'><a href=/a>One</a><a href=/b>Two</a></div><h1>FAQ</h1>"
        "<details><summary>Why does it squeak?</summary><p>Because of rust.</p></details>"
        "<h2 class='accordion-header'><button class='accordion-button'>May I smoke?</button></h2>"
        "<div class='accordion-collapse collapse'>Only outside.</div>"
        "<p>Energy <math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math> "
        "holds.</p></body></html>",
        ("# FAQ", "Why does it squeak?", "Because of rust.", "## May I smoke?", "Only outside.",
         "Energy E=mc^2 holds."),
        ("One",),
    ),
    "blog": Styled(
        f"""<html><body class="single-post comments-open has-sidebar"><div class="site-header"><a
        href="/">My blog</a><ul>{_MENU}</ul></div><div class="site-content"><div
        class="content-area"><article class="post"><header class="entry-header"><h1>On wicks</h1>
        <div class="entry-meta">1 March 2024</div></header><div class="entry-content">
        <p>{_WORDS * 4}</p><blockquote><p>Trim it.</p></blockquote><figure><img alt="A lamp beside
        a book" src="x.jpg"><figcaption>The lamp of 1890</figcaption></figure></div><div
        class="sharedaddy"><div class="share-buttons share"><a href=t>Tweet it</a></div></div>
        </article><div id="comments" class="comments-area"><h2 class="comments-title">2
        thoughts</h2><p>Great post!</p></div></div><aside class="widget-area sidebar"><h2>Recent
        posts</h2><ul>{_MENU}</ul></aside></div></body></html>""",
        ("# On wicks", "1 March 2024", "trims the wick", "> Trim it.", "The lamp of 1890"),
        ("My blog", "Menu entry", "Tweet it", "Great post", "Recent"),
    ),
    "table layout of old pages": Styled(
        f"""<html><body bgcolor=white><table width=100%><tr><td colspan=2><font size=5>Harbour
        office</font></td></tr><tr><td width=150><a href=a>Old menu 1</a><br><a href=b>Old menu
        2</a><br><a href=c>Old menu 3</a></td><td><h2>Opening hours</h2>{_WORDS * 3}<table
        border=1><tr><td>Monday</td><td>9 to 12</td></tr><tr><td>Friday</td><td>9 to 17</td></tr>
        </table><p>Second paragraph.</td></tr></table></body></html>""",
        ("Harbour office", "## Opening hours", "trims the wick", "Monday", "9 to 17",
         "Second paragraph."),
        ("Old menu",),
    ),
    "docusaurus": Styled(
        f"""<html><body><div id="__docusaurus"><div role="region" aria-label="Skip to main
        content"><a class="skipToContent_x" href="#main">Skip to main content</a></div><nav
        class="navbar"><a>Docs</a></nav><main class="docMainContainer"><div class="container">
        <article><nav class="theme-doc-breadcrumbs"><ul><li>Crumb</li></ul></nav><div
        class="theme-doc-markdown markdown"><header><h1>Deploy</h1></header><p>{_WORDS}</p>
        <div class="tabs-container"><ul role="tablist" class="tabs"><li role="tab">npm</li><li
        role="tab">yarn</li></ul><div><div role="tabpanel"><pre class="language-bash"><code><span
        class="token-line">npm i<br></span></code></pre></div><div role="tabpanel" hidden><pre
        class="language-bash"><code><span class="token-line">yarn add<br></span></code></pre></div>
        </div></div><div class="theme-admonition alert">Mind the tide.</div></div></article>
        <nav class="pagination-nav"><a>Next page</a></nav></div></main><footer>Copyright</footer>
        </div></body></html>""",
        ("# Deploy", "trims the wick", "npm i", "yarn add", "Mind the tide."),
        ("Skip to", "Crumb", "Next page", "Copyright"),
    ),
}  # fmt: skip
