"""The figure being drawn, and the strokes that all of its parts share."""

from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnviz.record import Weights
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import AXIS, MARGIN, PAD, POINTS, ColumnsAt, Layout, Sheet
from attnviz.render.figure.sides import Label, Side, elide
from attnviz.render.theme import Theme

HAIRLINE = 0.6

# Cells thinner than so many hairlines would be hidden behind one.
_THIN = 3

Weight = Literal["normal", "bold"]

# A bold letter is wider than a normal one, which is what is measured.
_BOLD = 1.15
# Hinted letters, as in a PNG, are a little wider than measured.
_HINTED = 1.05


@dataclass(frozen=True)
class Canvas:
    """A figure with all that its parts are drawn with."""

    figure: Figure
    layout: Layout
    colors: ColorScale
    lettering: Lettering

    @property
    def theme(self) -> Theme:
        """The colours of all that is no weight."""
        return self.colors.theme

    def write(
        self,
        text: str,
        corner: tuple[float, float],
        size: float,
        *,
        weight: Weight = "normal",
        room: float | None = None,
    ) -> None:
        """Write one line: bold in the foreground colour, otherwise muted.

        Args:
            text: what to write.
            corner: its distance from the left and from the top.
            size: the letter size.
            weight: of the letters.
            room: where it is elided; None means at the right margin.
        """
        color = self.theme.foreground if weight == "bold" else self.theme.muted
        left, top = corner
        most = self.layout.width - left - MARGIN * self.layout.letter if room is None else room
        x, y, _, _ = self.layout.box(left, top, 0, size)
        line = elide(self.lettering.spell(text), self.lettering, most / _em(size, weight))
        self.figure.text(x, y, line, va="baseline", **self.lettering.style(size, color, weight))

    def width(self, text: str, size: float, weight: Weight = "normal") -> float:
        """Give the width of a line."""
        return self.lettering.measure(self.lettering.spell(text))[0] * _em(size, weight)

    def axes(self, box: tuple[float, float, float, float], name: str) -> Axes:
        """Open axes without ticks, with a thin frame."""
        axes = self.figure.add_axes(box, label=name, xticks=[], yticks=[])
        # Else every drawing measures all labels to find places for a title and names that are not there.
        axes.set_title("", y=1)
        axes.xaxis.set_label_coords(0, 0)
        axes.yaxis.set_label_coords(0, 0)
        axes.spines[:].set(color=self.theme.rule, linewidth=HAIRLINE)
        return axes

    def panel(self, number: int, name: str, cells: Weights) -> Axes:
        """Draw a panel's cells over all of its rows and columns.

        Shape:
            cells: (row, column), NaN where masked.
        """
        axes = self.axes(self.layout.place(number), name)
        rows, columns = self.layout.labels.rows.count, self.layout.labels.columns.count
        if min(self.layout.cell) < _THIN * HAIRLINE:
            # The frame's inner half would hide the first and the last column, and a sink is a first one.
            axes.spines[:].set_zorder(-1)
        axes.imshow(
            cells,
            cmap=self.colors.colormap,
            norm=self.colors.norm,
            interpolation="nearest",
            interpolation_stage="data",
            origin="upper",
            aspect="auto",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )
        return axes

    def label_rows(self, axes: Axes, name: str) -> None:
        """Write the rows' labels at the left, and what they are."""
        rows = self.layout.labels.rows
        self._mark(axes, "y", rows)
        axes.set_yticks([label.at for label in rows.labels], [label.text for label in rows.labels])
        for text, label in zip(axes.get_yticklabels(), rows.labels, strict=True):
            text.set(ha="right", va="center_baseline", **self.label_style(label))
        self.name_rows(axes, name)

    def label_columns(self, axes: Axes, name: str) -> None:
        """Write the columns' labels below, and what they are."""
        labels = self.layout.labels
        columns = labels.columns.labels
        self._mark(axes, "x", labels.columns)
        axes.set_xticks([label.at for label in columns], [label.text for label in columns])
        for text, label in zip(axes.get_xticklabels(), columns, strict=True):
            text.set(**self._turn(), **self.label_style(label))
        self.name_columns(axes, name, "below")

    def label_sink(self, axes: Axes, name: str) -> None:
        """Write what a column beside the panel is, below it."""
        axes.tick_params("x", length=0, pad=PAD * self.layout.letter)
        axes.set_xticks([0], [name])
        (text,) = axes.get_xticklabels()
        text.set(**self._turn(), **self.label_style(Label(0, name, muted=True)))

    def _turn(self) -> dict[str, Any]:
        """Give how the columns' labels are turned."""
        if not self.layout.labels.angle:
            return {}
        return {"rotation": 90, "ha": "right", "va": "center_baseline", "rotation_mode": "anchor"}

    def name_rows(self, axes: Axes, name: str) -> None:
        """Say at the left what the rows are."""
        labels, unit = self.layout.labels, self.layout.letter
        axes.set_ylabel(name, va="center", **self.lettering.style(0.9 * unit, self.theme.muted))
        reach = labels.letter * labels.rows.width + (PAD + 0.6 * AXIS) * unit + self.layout.strips[0]
        axes.yaxis.set_label_coords(-reach / self.layout.panel[0], 0.5)

    def name_columns(self, axes: Axes, name: str, at: ColumnsAt) -> None:
        """Say above or below what the columns are."""
        labels, unit = self.layout.labels, self.layout.letter
        axes.set_xlabel(name, va="center", **self.lettering.style(0.9 * unit, self.theme.muted))
        reach = labels.column_reach + (PAD + 0.6 * AXIS) * unit + self.layout.strips[1]
        reach /= self.layout.panel[1]
        axes.xaxis.set_label_coords(0.5, 1 + reach if at == "above" else -reach)

    def label_style(self, label: Label) -> dict[str, Any]:
        """Give what a label is written with."""
        color = self.theme.muted if label.muted else self.theme.foreground
        return self.lettering.style(self.layout.labels.letter, color)

    def _mark(self, axes: Axes, which: Literal["x", "y"], side: Side) -> None:
        """Where labels are left out, mark which row or column each label belongs to."""
        length = 0.3 * self.layout.letter if side.step > 1 else 0
        pad = PAD * self.layout.letter - length
        axes.tick_params(which, length=length, width=HAIRLINE, color=self.theme.muted, pad=pad)


def open_canvas(sheet: Sheet, layout: Layout, colors: ColorScale, lettering: Lettering) -> Canvas:
    """Open an empty figure, exactly as large as its layout."""
    figure = Figure(
        figsize=(layout.width / POINTS, layout.height / POINTS),
        dpi=POINTS / sheet.pixel,
        facecolor=colors.theme.background,
        edgecolor="none",
    )
    return Canvas(figure, layout, colors, lettering)


def _em(size: float, weight: Weight) -> float:
    return size * _HINTED * (_BOLD if weight == "bold" else 1)
