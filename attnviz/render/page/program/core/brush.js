// Two ways to draw the same picture: on a canvas, and as the text of an SVG file.

/**
 * @typedef {import("./types.js").Brush} Brush
 * @typedef {import("./types.js").Cells} Cells
 * @typedef {import("./types.js").Drawing} Drawing
 */

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
export const MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const SIZE = 12;

// Up to so many cells are drawn one by one in an SVG file, so that they stay sharp in print.
const MOST_RECTS = 10_000;

/**
 * @param {number} size
 * @param {boolean} bold
 * @param {boolean} mono
 * @returns {string}
 */
function fontOf(size, bold, mono) {
  return `${bold ? "600 " : ""}${size}px ${mono ? MONO : FONT}`;
}

/**
 * Draw on a canvas.
 * @param {CanvasRenderingContext2D} canvas
 * @param {Map<string, CanvasImageSource>} [pictures] those that are loaded, by their source
 * @returns {Brush}
 */
export function canvasBrush(canvas, pictures = new Map()) {
  /** @type {Brush} */
  const brush = {
    rect(x, y, width, height, { fill, stroke, lineWidth = 1, alpha = 1, radius = 0 }) {
      canvas.globalAlpha = alpha;
      canvas.beginPath();
      if (radius) canvas.roundRect(x, y, width, height, radius);
      else canvas.rect(x, y, width, height);
      if (fill) {
        canvas.fillStyle = fill;
        canvas.fill();
      }
      if (stroke) {
        canvas.strokeStyle = stroke;
        canvas.lineWidth = lineWidth;
        canvas.stroke();
      }
      canvas.globalAlpha = 1;
    },
    line(points, { stroke, lineWidth = 1, alpha = 1, dash = [] }) {
      canvas.globalAlpha = alpha;
      canvas.strokeStyle = stroke;
      canvas.lineWidth = lineWidth;
      canvas.setLineDash(dash);
      canvas.beginPath();
      for (const [x, y] of points) canvas.lineTo(x, y);
      canvas.stroke();
      canvas.setLineDash([]);
      canvas.globalAlpha = 1;
    },
    curve(x1, y1, x2, y2, { stroke, lineWidth = 1, alpha = 1 }) {
      canvas.globalAlpha = alpha;
      canvas.strokeStyle = stroke;
      canvas.lineWidth = lineWidth;
      const middle = (x1 + x2) / 2;
      canvas.beginPath();
      canvas.moveTo(x1, y1);
      canvas.bezierCurveTo(middle, y1, middle, y2, x2, y2);
      canvas.stroke();
      canvas.globalAlpha = 1;
    },
    text(x, y, text, { fill, size = SIZE, align = "start", bold = false, turn = 0, mono = false }) {
      canvas.font = fontOf(size, bold, mono);
      canvas.fillStyle = fill;
      // Without a direction of its own, text that reads right to left would turn "start" around.
      canvas.direction = "ltr";
      canvas.textAlign = align === "middle" ? "center" : align;
      canvas.textBaseline = "alphabetic";
      canvas.save();
      canvas.translate(x, y);
      canvas.rotate((turn * Math.PI) / 180);
      canvas.fillText(text, 0, size * 0.35);
      canvas.restore();
    },
    cells(x, y, width, height, cells) {
      canvas.imageSmoothingEnabled = false;
      canvas.drawImage(bitmapOf(cells), x, y, width, height);
    },
    picture(x, y, width, height, source) {
      const picture = pictures.get(source);
      if (!picture) return;
      canvas.imageSmoothingEnabled = true;
      canvas.drawImage(picture, x, y, width, height);
    },
    clip(x, y, width, height, inside) {
      canvas.save();
      canvas.beginPath();
      canvas.rect(x, y, width, height);
      canvas.clip();
      inside();
      canvas.restore();
    },
    measure(text, size = SIZE, bold = false, mono = false) {
      canvas.font = fontOf(size, bold, mono);
      return canvas.measureText(text).width;
    },
  };
  return brush;
}

/** @type {WeakMap<Cells, HTMLCanvasElement>} */
const bitmaps = new WeakMap();

/**
 * Give cells as a picture; one that is drawn again, as while a map is moved, is made once.
 * @param {Cells} cells whose pixels do not change any more
 * @returns {HTMLCanvasElement}
 */
function bitmapOf(cells) {
  const { columns, rows, pixels } = cells;
  const bitmap = bitmaps.get(cells) ?? document.createElement("canvas");
  if (bitmaps.has(cells)) return bitmap;
  bitmaps.set(cells, bitmap);
  bitmap.width = columns;
  bitmap.height = rows;
  bitmap.getContext("2d")?.putImageData(new ImageData(pixels, columns, rows), 0, 0);
  return bitmap;
}

/**
 * Write a drawing as an SVG file.
 * @param {Drawing} drawing
 * @param {string} background
 * @param {string} title
 * @returns {string}
 */
export function svgOf({ width, height, paint }, background, title) {
  /** @type {string[]} */
  const parts = [];
  paint(svgBrush(parts));
  const size = `width="${number(width)}" height="${number(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${number(width)} ${number(height)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="${background}"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/**
 * @param {string[]} parts where elements go
 * @returns {Brush}
 */
export function svgBrush(parts) {
  const ruler = measurer();
  let clips = 0;
  /** @type {Brush} */
  const brush = {
    rect(x, y, width, height, { fill = "none", stroke, lineWidth = 1, alpha = 1, radius = 0 }) {
      const box = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
      const line = stroke ? ` stroke="${stroke}" stroke-width="${number(lineWidth)}"` : "";
      const round = radius ? ` rx="${number(radius)}"` : "";
      parts.push(`<rect ${box} fill="${fill}"${line}${round}${opacity(alpha)}/>`);
    },
    line(points, { stroke, lineWidth = 1, alpha = 1, dash = [] }) {
      const path = points.map(([x, y]) => `${number(x)},${number(y)}`).join(" ");
      const dashes = dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
      const look = `stroke="${stroke}" stroke-width="${number(lineWidth)}"${dashes}${opacity(alpha)}`;
      parts.push(`<polyline points="${path}" fill="none" ${look}/>`);
    },
    curve(x1, y1, x2, y2, { stroke, lineWidth = 1, alpha = 1 }) {
      const middle = number((x1 + x2) / 2);
      const [top, bottom] = [number(y1), number(y2)];
      const path = `M${number(x1)} ${top}C${middle} ${top} ${middle} ${bottom} ${number(x2)} ${bottom}`;
      const look = `stroke="${stroke}" stroke-width="${number(lineWidth)}"${opacity(alpha)}`;
      parts.push(`<path d="${path}" fill="none" ${look}/>`);
    },
    text(x, y, text, { fill, size = SIZE, align = "start", bold = false, turn = 0, mono = false }) {
      const place = `translate(${number(x)} ${number(y)})${turn ? ` rotate(${turn})` : ""}`;
      const font = `font-family="${mono ? MONO : FONT}" font-size="${number(size)}"`;
      const look = `${font}${bold ? ' font-weight="600"' : ""} fill="${fill}" text-anchor="${align}"`;
      parts.push(`<text transform="${place}" y="${number(size * 0.35)}" ${look}>${escaped(text)}</text>`);
    },
    cells(x, y, width, height, cells) {
      const many = cells.columns * cells.rows > MOST_RECTS;
      parts.push(...(many ? [embedded(x, y, width, height, cells)] : rects(x, y, width, height, cells)));
    },
    picture(x, y, width, height, source) {
      parts.push(image(x, y, width, height, source, ""));
    },
    clip(x, y, width, height, inside) {
      clips += 1;
      const box = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
      parts.push(`<clipPath id="clip${clips}"><rect ${box}/></clipPath><g clip-path="url(#clip${clips})">`);
      inside();
      parts.push("</g>");
    },
    measure: ruler,
  };
  return brush;
}

/**
 * Give something that measures text without drawing any.
 * @returns {Brush["measure"]}
 */
export function measurer() {
  const canvas = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  return canvasBrush(canvas).measure;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {Cells} cells
 * @returns {string[]} one element for each cell that shows
 */
function rects(x, y, width, height, { columns, rows, pixels }) {
  const [across, down] = [width / columns, height / rows];
  const made = [];
  for (let cell = 0; cell < rows * columns; cell += 1) {
    const [red, green, blue, alpha] = pixels.subarray(cell * 4, cell * 4 + 4);
    if (alpha === 0) continue;
    const place = `x="${number(x + (cell % columns) * across)}" y="${number(y + Math.floor(cell / columns) * down)}"`;
    // A little wider than it is, or the page would shine through between two neighbours.
    const size = `width="${number(across + 0.1)}" height="${number(down + 0.1)}"`;
    made.push(`<rect ${place} ${size} fill="${hex(red, green, blue)}"${opacity(alpha / 255)}/>`);
  }
  return made;
}

/**
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 * @returns {string}
 */
function hex(red, green, blue) {
  return `#${((red << 16) | (green << 8) | blue).toString(16).padStart(6, "0")}`;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {Cells} cells
 * @returns {string}
 */
function embedded(x, y, width, height, cells) {
  return image(x, y, width, height, bitmapOf(cells).toDataURL("image/png"), ' image-rendering="pixelated"');
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string} source
 * @param {string} rendering
 * @returns {string}
 */
function image(x, y, width, height, source, rendering) {
  const box = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
  return `<image ${box} preserveAspectRatio="none"${rendering} href="${source}"/>`;
}

/**
 * @param {number} alpha
 * @returns {string}
 */
function opacity(alpha) {
  return alpha < 1 ? ` opacity="${number(alpha)}"` : "";
}

/**
 * @param {number} value
 * @returns {string} with two decimals at most
 */
function number(value) {
  return String(Math.round(value * 100) / 100);
}

/**
 * Write text so that XML takes it for nothing else; what XML cannot hold is left out.
 * @param {string} text
 * @returns {string}
 */
export function escaped(text) {
  return text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}
