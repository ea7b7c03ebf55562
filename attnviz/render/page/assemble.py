"""Program, style sheet, facts and buffers put together as one HTML file.

`program/page.html` is the frame. In it `@@name@@` stands for what is put in; each of these names stands there
at least once, and no other:

    @@lang@@      attribute: the page's language, such as "en"
    @@policy@@    attribute: the Content-Security-Policy, of `<meta http-equiv="Content-Security-Policy" ...>`
    @@title@@     text: the page's title
    @@style@@     all that is between `<style>` and `</style>`: the style sheets of `program/styles/`, `base.css`
                  first and the others, one for each view, by name
    @@essence@@   text: what there is to see, for `<noscript>`
    @@facts@@     all that is between `<script type="application/json" id="facts">` and `</script>`
    @@buffers@@   elements: one for each buffer, as below
    @@program@@   all that is between `<script type="module">` and `</script>`: the modules, linked

Text and attributes are escaped here. `<script type="module">` stands last, so that facts and buffers are there
when it runs. A buffer of the facts, such as number 3, is

    <script type="application/octet-stream" id="buffer-3">eNrtwTEBAAAAwqD1T...</script>

base64 of the zlib format (what `DecompressionStream("deflate")` reads) of its bytes, numbers little-endian, with
no white space around it. A buffer of no bytes is written like any other.
"""
