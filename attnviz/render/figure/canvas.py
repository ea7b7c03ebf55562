"""The figure being drawn, and the strokes that all of its parts share."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from attnviz.record import Weights
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import AXIS, PAD, POINTS, ColumnsAt, Layout, Sheet
from attnviz.render.figure.sides import Label, elide
from attnviz.render.theme import Theme

HAIRLINE = 0.6

# A bold letter is wider than a normal one, which is what is measured.
_BOLD = 1.15


@dataclass(frozen=True)
class Canvas:
    """A figure with all that its parts are drawn with."""

    figure: Figure
    layout: Layout
    colors: ScalarMappable
    theme: Theme
    lettering: Lettering

    @classmethod
    def of(cls, sheet: Sheet, layout: Layout, colors: ScalarMappable, theme: Theme, lettering: Lettering) -> "Canvas":
        """Open an empty figure."""
        figure = Figure(
            figsize=(layout.width / POINTS, layout.height / POINTS),
            dpi=POINTS / sheet.pixel,
            facecolor=theme.background,
            edgecolor="none",
        )
        return cls(figure, layout, colors, theme, lettering)

    def write(self, text: str, left: float, top: float, size: float, *, weight: str = "normal") -> None:
        """Write one line, elided at the right margin; bold text in the foreground colour, other text muted."""
        color = self.theme.foreground if weight == "bold" else self.theme.muted
        room = (self.layout.width - left - self.layout.letter) / size / (_BOLD if weight == "bold" else 1)
        x, y, _, _ = self.layout.box(left, top, 0, size)
        line = elide(self.lettering.spell(text), self.lettering, room)
        self.figure.text(x, y, line, va="baseline", **self.lettering.style(size, color, weight))

    def panel(self, number: int, cells: Weights) -> Axes:
        """Draw a panel's cells over all of its rows and columns.

        Shape:
            cells: (row, column), NaN where masked; at most as many as there are rows and columns, or pixels.
        """
        axes = self.figure.add_axes(self.layout.place(number))
        rows, columns = self.layout.labels.rows.count, self.layout.labels.columns.count
        axes.imshow(
            cells,
            cmap=self.colors.cmap,
            norm=self.colors.norm,
            interpolation="nearest",
            origin="upper",
            aspect="auto",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )
        axes.grid(visible=False)
        axes.spines[:].set(visible=True, color=self.theme.rule, linewidth=HAIRLINE)
        axes.tick_params(which="both", length=0, pad=PAD * self.layout.letter, labelsize=self.layout.labels.letter)
        axes.set(xticks=[], yticks=[])
        return axes

    def label_rows(self, axes: Axes, name: str) -> None:
        """Write the rows' labels at the left, and what they are."""
        side, unit = self.layout.labels.rows, self.layout.letter
        axes.set_yticks([label.at for label in side.labels], [label.text for label in side.labels])
        for text, label in zip(axes.get_yticklabels(), side.labels, strict=True):
            text.set(ha="right", va="center_baseline", **self._label_style(label))
        reach = side.width * self.layout.labels.letter + (PAD + 0.6 * AXIS) * unit
        axes.set_ylabel(name, va="center", **self.lettering.style(0.9 * unit, self.theme.muted))
        axes.yaxis.set_label_coords(-reach / self.layout.panel[0], 0.5)

    def label_columns(self, axes: Axes, name: str, at: ColumnsAt) -> None:
        """Write the columns' labels above or below, and what they are."""
        labels, unit = self.layout.labels, self.layout.letter
        axes.xaxis.set_ticks_position("top" if at == "above" else "bottom")
        axes.set_xticks([label.at for label in labels.columns.labels], [label.text for label in labels.columns.labels])
        upright = {"rotation": 90, "ha": "right", "va": "center_baseline", "rotation_mode": "anchor"}
        turn = upright if labels.angle else {"ha": "center"}
        for text, label in zip(axes.get_xticklabels(), labels.columns.labels, strict=True):
            text.set(**turn, **self._label_style(label))
        axes.xaxis.set_label_position("top" if at == "above" else "bottom")
        axes.set_xlabel(name, va="center", **self.lettering.style(0.9 * unit, self.theme.muted))
        reach = (labels.column_reach + (PAD + 0.6 * AXIS) * unit) / self.layout.panel[1]
        axes.xaxis.set_label_coords(0.5, 1 + reach if at == "above" else -reach)

    def _label_style(self, label: Label) -> dict[str, object]:
        color = self.theme.muted if label.muted else self.theme.foreground
        return self.lettering.style(self.layout.labels.letter, color)
