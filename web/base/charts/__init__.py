"""Charts as SVG, drawn from plain lists: no queries, no scripts, no library.

A chart fits every width: its `svg` has no viewBox, and lines, bars and texts use per cent across
and pixels down, so that texts keep their size. A step line lies in a nested `svg` that is stretched
across. Colours are classes of `web/static/charts.css`. Each chart has a sentence for those who do
not see it, and a `Table` with the same rows.
"""
