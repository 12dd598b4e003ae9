"""Parts of charts in SVG: axes, lines, points, bars, heat maps.

A chart is a `figure` element for an HTML page with the style sheet of `keiryo.report`. Places are
percentages of the plot, so a chart fits any width, and its text keeps its size. Colours come from
the style sheet, for light and dark.
"""
