"""Where the cells of a map are on a page, and what is said of one."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

Cell = tuple[int, int]

ZOOM = "() => new URLSearchParams(location.hash.slice(1)).get('zoom')"


@dataclass(frozen=True)
class Plot:
    """A map on screen: its place in the window, and which of its cells are in sight."""

    x: float
    y: float
    width: float
    height: float
    window: tuple[float, float, float, float]

    def at(self, cell: Cell, *, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """The middle of a cell, or another place in it."""
        first, left, rows, columns = self.window
        return (
            self.x + (cell[1] + across - left) / columns * self.width,
            self.y + (cell[0] + down - first) / rows * self.height,
        )


def plot(page: Page, shape: tuple[int, int], number: int = 0) -> Plot:
    """A map of a view, scrolled into sight."""
    surface = page.locator(".map-surface")
    surface.scroll_into_view_if_needed()
    box = json.loads(surface.get_attribute("data-plots") or "[]")[number]
    origin = surface.bounding_box()
    assert origin is not None
    zoom = page.evaluate(ZOOM)
    window = tuple(map(float, zoom.split(","))) if zoom else (0.0, 0.0, float(shape[0]), float(shape[1]))
    assert len(window) == 4
    return Plot(origin["x"] + box["x"], origin["y"] + box["y"], box["width"], box["height"], window)


def said(page: Page) -> str:
    """The line below the view, which screen readers are told too."""
    return page.locator(".saying").inner_text()


def pixel(page: Page, where: tuple[float, float]) -> tuple[int, int, int]:
    """The colour of the map's lower canvas at a place of the window, without what is lit over it."""
    # A canvas that is read itself would be drawn without the graphics card from then on.
    color = page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector('.map-base');
          const box = canvas.getBoundingClientRect();
          const scale = canvas.width / box.width;
          const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          copy.drawImage(canvas, -Math.floor((x - box.left) * scale), -Math.floor((y - box.top) * scale));
          return [...copy.getImageData(0, 0, 1, 1).data];
        }""",
        list(where),
    )
    return color[0], color[1], color[2]


def number(text: str) -> float:
    """A weight as the page writes it, after the colon of a sentence."""
    return float(text.split(": ")[1].split(",")[0].strip())


def some_cells(weights: NDArray[np.float32], count: int, seed: int = 0) -> list[Cell]:
    """Random cells, and with them each the largest of its row."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, weights.shape[0], count)
    random = [(int(row), int(generator.integers(0, weights.shape[1]))) for row in rows]
    return [*random, *((int(row), int(weights[row].argmax())) for row in rows)]


def off(weights: NDArray[np.float32], cell: Cell) -> float:
    """How far a weight on the page may be off: 1/255 of its row's largest, and what its text rounds."""
    return float(weights[cell[0]].max()) / 255 + 6e-5
