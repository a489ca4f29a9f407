"""Pictures of what happened over time, as SVG. Plain text out of plain series: the same series make the same text."""
