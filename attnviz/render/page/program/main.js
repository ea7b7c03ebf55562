// Where the page begins: what is in the file, the state of the link, and the views that show both.

import { spanLogOver } from "./core/colors.js";
import { readPage } from "./core/data.js";
import { fromFragment, openingState } from "./core/fragment.js";
import { Store } from "./core/state.js";
import { orSayWhy } from "./shell/failing.js";
import { openAll } from "./shell/opening.js";
import { openShell } from "./shell/shell.js";
import { VIEWS } from "./views/all.js";

await orSayWhy(async () => {
  const page = readPage(document);
  spanLogOver(Math.max(1, ...page.facts.maps.map((map) => map.pooling?.keys ?? 1)));
  const store = new Store(fromFragment(location.hash, openingState(page), page));
  await openShell(page, store, VIEWS);
  document.documentElement.dataset.ready = "1";
  await openAll(page, store);
  document.documentElement.dataset.opened = "1";
});
