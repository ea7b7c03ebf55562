"""One self-contained page: every weight of a record, every view, one HTML file, no request to any host.

What is heavy is imported when a page is asked for.
"""

from attnviz.render.page.written import Page as Page
from attnviz.render.page.written import page as page
