"""Tables, figures and pages: pure functions from plain data to text and bytes; equal
data give equal bytes.

A table is a `table.Table`: Markdown, HTML and text of the same rows. A figure is a
`chart.Chart`, which `chart_plotly` draws for pages and `chart_png` for files. A page is
sections of both, which `page.page` puts into the folder `templates`.
"""
