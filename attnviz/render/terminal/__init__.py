"""Rich renderables: heatmaps, what heads read, how they differ, for the width and the colours there are."""
