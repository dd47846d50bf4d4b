"""What a language model says is drawn as Markdown: nothing of it runs, loads anything, or takes long."""

import re

import pytest
from playwright.sync_api import Page

DRAW = """async text => {
    const { markdown } = await import("/static/chat/markdown.js");
    const started = performance.now(), box = document.createElement("div");
    box.append(markdown(text));
    return [box.innerHTML, performance.now() - started, box.textContent];
}"""
ATTRIBUTES = re.compile(
    r' (?:dir="auto"|class="[\w-]+"|tabindex="0"|target="_blank"|rel="noopener noreferrer nofollow")'
)

pytestmark = pytest.mark.parametrize("page", [1280], indirect=True, ids=["desktop"])


@pytest.fixture
def drawing(page: Page) -> Page:
    page.goto("/chat/")
    return page


def drawn(page: Page, text: str) -> str:
    """As HTML, without the attributes that all such elements have."""
    return ATTRIBUTES.sub("", page.evaluate(DRAW, text)[0])


def test_markdown__what_models_write__drawn(drawing: Page) -> None:
    cases = {
        "One\ntwo\n\nthree": "<p>One\ntwo</p><p>three</p>",
        "**bold** and *it* and ***both*** and ~~gone~~": (
            "<p><strong>bold</strong> and <em>it</em> and <strong><em>both</em></strong> and <del>gone</del></p>"
        ),
        "__bold__ _it_ snake_case_name 2 * 3 * 4": "<p><strong>bold</strong> <em>it</em> snake_case_name 2 * 3 * 4</p>",
        "*She grins.* Ahoy!": "<p><em>She grins.</em> Ahoy!</p>",
        "*a **b** c*": "<p><em>a <strong>b</strong> c</em></p>",
        "`a*b*` and \\*so\\*": "<p><code>a*b*</code> and *so*</p>",
        "# One\n### Three": "<h4>One</h4><h4>Three</h4>",
        "- a\n- b\n  - c\n\n- d": (
            "<ul><li><p>a</p></li><li><p>b</p><ul><li><p>c</p></li></ul></li><li><p>d</p></li></ul>"
        ),
        "3. a\n4. b\n   more\nlast": '<ol start="3"><li><p>a</p></li><li><p>b\nmore\nlast</p></li></ol>',
        "Born in\n1984. It was.": "<p>Born in\n1984. It was.</p>",
        "> a\n> > b": "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>",
        "```py\nif a:\n    **b**\n```\nafter": "<pre><code>if a:\n    **b**</code></pre><p>after</p>",
        "```print(1)``` is code\nand on": "<p><code>print(1)</code> is code\nand on</p>",
        "~~~struck~~~ and on\n\nstill": "<p><del>struck</del> and on</p><p>still</p>",
        "~~~ `js`\na\n~~~\nafter": "<pre><code>a</code></pre><p>after</p>",
        "```\nnever closed": "<pre><code>never closed</code></pre>",
        "a\n\n---\n\nb": "<p>a</p><hr><p>b</p>",
        "| a | b |\n|---|:-:|\n| 1 | *2* |": (
            "<div><table><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><td>1</td><td><em>2</em></td></tr></tbody></table></div>"
        ),
        "a | b\nnot a rule": "<p>a | b\nnot a rule</p>",
        "See https://example.org/a_b?c=(d).": (
            '<p>See <a href="https://example.org/a_b?c=">https://example.org/a_b?c=</a>(d).</p>'
        ),
        "[Here](https://example.org/)!": '<p><a href="https://example.org/">Here</a>!</p>',
        "": "",
    }
    assert {text: drawn(drawing, text) for text in cases} == cases


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a]( java\nscript:alert(1))",
    "![a](https://evil.example/pixel.png)",
    '![a](https://evil.example/pixel.png "title")',
    "![](https://evil.example/?secret)",
    '[a](https://evil.example/" onclick="alert(1))',
    "[<img src=x>](https://evil.example/)",
    "<https://evil.example/><script>",
    "`<img src=x onerror=alert(1)>`",
    "```html\n<script>alert(1)</script>\n```",
    "| <script> |\n|---|\n| <img src=x> |",
    "# <style>*{display:none}</style>",
    "1. <iframe src=javascript:alert(1)>",
    "[x]: javascript:alert(1)\n[a][x]",
    "&lt;script&gt; &#60;img src=x&#62;",
]


def test_markdown__hostile__nothing_but_our_own_elements(drawing: Page) -> None:
    inspect = """async texts => {
        const { markdown } = await import("/static/chat/markdown.js");
        const box = document.querySelector("#turns");
        box.replaceChildren(...texts.map(text => markdown(text)));
        return [...box.querySelectorAll("*")].map(one => [one.localName, one.getAttributeNames(), one.href ?? ""]);
    }"""
    asked: list[str] = []
    drawing.on("request", lambda request: asked.append(request.url))
    drawing.on("dialog", lambda dialog: pytest.fail(f"A script has run: {dialog.message}"))
    found = drawing.evaluate(inspect, HOSTILE)
    known = {"p", "a", "code", "pre", "h4", "ol", "ul", "li", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _, _ in found} <= known
    assert {one for _, names, _ in found for one in names} <= {
        "class",
        "tabindex",
        "href",
        "target",
        "rel",
        "start",
    }
    assert all(href.startswith("https://evil.example/") for _, _, href in found if href)
    assert [names for name, names, _ in found if name == "a" and not {"rel", "target"} <= set(names)] == []
    drawing.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith(drawing.url.partition("/chat/")[0])] == []


PIECES = [
    "*", "**a", "*a ", "_a ", "__", "`", "``a`", "[", "[a](", "![", "](", "<", "~~a", "\\", "|", "> ", "- ", "  - a\n",
    "1. ", "#", "# a\n", "```\n", "\n", " ", "\t", "|-", "| a\n|-\n", "https://", "https://a.", "-", "- -", "*a **b ",
    "> - ", "a\n- ", "\u202e", "(", "&amp;", "a", "a ", "a\n",
]  # fmt: skip


def test_markdown__a_long_text_of_one_mark__takes_no_longer_than_its_length(drawing: Page) -> None:
    length = 200_000
    drawn = {piece: drawing.evaluate(DRAW, (piece * length)[:length]) for piece in PIECES}
    assert {piece: took for piece, (_, took, _) in drawn.items() if took > 2000} == {}  # milliseconds
    assert all(len(text) <= length for _, _, text in drawn.values())
