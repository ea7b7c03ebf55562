// Every view, in the order of the tabs. A new one is a file and a row here.

import { compareView } from "./compare.js";
import { gridView } from "./grid.js";
import { heatmapView } from "./heatmap.js";
import { linesView } from "./lines.js";
import { pictureView } from "./picture.js";
import { productView } from "./product.js";
import { tableView } from "./table.js";
import { textView } from "./text.js";

/** @type {import("../core/types.js").View[]} */
export const VIEWS = [
  gridView,
  heatmapView,
  linesView,
  textView,
  pictureView,
  productView,
  compareView,
  tableView,
];
