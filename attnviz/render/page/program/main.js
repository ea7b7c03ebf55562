// Where the page begins: what is in the file, the state of the link, and the views that show both.

import { makePalette } from "./core/colors.js";
import { readPage } from "./core/data.js";
import { fromFragment, openingState } from "./core/fragment.js";
import { Store } from "./core/state.js";
import { VIEWS } from "./views/all.js";

const page = readPage(document);
const store = new Store(fromFragment(location.hash, openingState(page), page));
const map = page.map(store.state.map);
await map.open(map.find(store.state.head)?.layer ?? 0);
const palette = makePalette(page.facts.themes.light, false, page.facts.categories);
const host = document.querySelector("main");
const view = VIEWS.find(({ name }) => name === store.state.view) ?? VIEWS[0];
if (host) view.mount(host, { page, store, palette: () => palette, say: () => {} });
document.documentElement.dataset.ready = "";
