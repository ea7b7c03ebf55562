// What the program's parts hand to each other. The first half is what Python writes into the file.

/**
 * A token, or several taken for one.
 * @typedef {object} TokenFacts
 * @property {string} text what was written there
 * @property {string} shown the same with every character visible and none acting
 * @property {"text"|"special"|"generated"|"patch"|"frame"} kind
 * @property {[number, number]} [place] a patch's row and column, a frame's start and end in seconds
 * @property {string} [part] the part of the input it belongs to: "A", "B", "user" ...
 * @property {[number, number]} [run] the first and the last of the model's tokens it stands for, or where it
 *     stands itself, in an input that is here in part
 */

/**
 * One side of a map.
 * @typedef {object} SequenceFacts
 * @property {TokenFacts[]} tokens
 * @property {{starts: number[], shown: string[]} | null} words where each word begins and what it reads, or
 *     null where no word has several tokens
 * @property {boolean} pooled whether each token here stands for a run of the model's
 * @property {{types: TokenFacts[], order: number[]} | null} [whole] every token of the model's, those that are
 *     alike once, and which of these stands where; where tokens here stand for runs and these are known
 * @property {boolean} rightToLeft whether most of it is of a script written from right to left
 */

/**
 * What a table knows of a head; the fields of `attnviz focus --json`, with what else was measured.
 * @typedef {object} HeadFacts
 * @property {string} head
 * @property {number} layer
 * @property {number} index
 * @property {string} [taught]
 * @property {{token: string, position: number, mass: number, at?: number}[]} focus `at`: which of the model's
 *     tokens, where the column at `position` stands for several
 * @property {{from: string, from_position: number, to: string, to_position: number, weight: number, from_token?: number, to_token?: number}[]} links
 *     positions are rows and columns; tokens are the model's, where a row stands for several
 * @property {PatternFacts} pattern
 * @property {number} entropy bits
 * @property {number} breadth tokens
 * @property {number} distance tokens
 * @property {number} hidden_mass
 * @property {number} self_mass
 * @property {number} special_mass
 * @property {{mean: number, spread: number|null}} [effect] what the answer loses without the head
 * @property {{relation: string}} [relation]
 * @property {(number|null)[]} [measures] means of what the map's `measures` name
 */

/**
 * A named shape and how sure it is.
 * @typedef {object} PatternFacts
 * @property {string} label
 * @property {number} score
 * @property {number} over_chance
 * @property {number|null} error
 * @property {string} nearest
 * @property {{from: string|null, from_position: number|null, to: string, to_position: number, weight: number, from_token?: number, to_token?: number}[]} evidence
 *     links; or keys, with what share of all mass they get, where every query reads them: `from` is null
 */

/**
 * One record: a block of the model, or a view made of it.
 * @typedef {object} MapFacts
 * @property {string} id as it stands in a link: "self", "cross", "self.rollout"
 * @property {string} title what people call it
 * @property {string[]} about what its numbers are, in sentences
 * @property {string} block
 * @property {string} view
 * @property {number[]} layers the model's own numbers
 * @property {number[]} heads the model's own numbers; [-1] where a layer has one map for all its heads
 * @property {number} queries which sequence its rows are
 * @property {number} keys which sequence its columns are
 * @property {boolean} causal
 * @property {number} sharing how many heads read the same keys; 1 where each has its own
 * @property {Object<string, number>} sight for a layer that sees less, the buffer of its mask: bits (query, key)
 * @property {number[]} sinks layers whose rows may lack mass that went to a learned sink
 * @property {number} dropped the mean share of mass on keys left out before the page was made
 * @property {boolean} renormalized
 * @property {{text: string, shown: string, probability: number}[]} predictions one for each query, or none
 * @property {number[]} weights for each layer the buffer of its levels: bytes (head, query, key)
 * @property {number} maxima the buffer of the rows' maxima: float32 (layer, head, query)
 * @property {number|null} masses the buffer of the rows' masses before rounding: float32 (layer, head, query);
 *     null where every row holds all of it, and of pooled maps
 * @property {number} error the largest error of a weight, as a share of its row's maximum
 * @property {VectorFacts|null} vectors
 * @property {HeadFacts[]} focus in the order of layers and heads; empty for views that are no attention
 * @property {string[]|null} covered null where it is not known
 * @property {PoolingFacts} [pooling] where its cells stand for several weights from the start
 * @property {TopFacts|null} [top] the single weights that are known all the same
 * @property {{name: string, unit: string, says: string}[]} [measures] exact ones, taken of every weight
 */

/**
 * What cells stand for.
 * @typedef {object} PoolingFacts
 * @property {"maximum"|"mean"} statistic
 * @property {number} queries how many the model had
 * @property {number} keys
 * @property {string|null} twin the id of the map with the other statistic of the same cells
 */

/**
 * The keys each query reads most.
 * @typedef {object} TopFacts
 * @property {number} most how many of each query
 * @property {boolean} all whether these are all the keys there are
 * @property {number} planes how many bytes a position has
 * @property {number} ahead which key stands where the first query does
 * @property {number[]} positions for each layer the buffer of its keys: a byte for each head, 1 where they are told
 *     from their queries, then planes of bytes (plane, head, rank, query), the lowest first; 0 for none
 * @property {number[]} weights for each layer the buffer of their weights: two planes of steps of a logarithm
 * @property {number} error the largest error of such a weight, as a share of itself
 */

/**
 * Queries and keys before they are multiplied.
 * @typedef {object} VectorFacts
 * @property {number} width numbers of a vector: d_k
 * @property {number} queries the buffer of int16 (layer, head, query, d_k), as shares of the vector's largest
 * @property {number} keys the buffer of int16 (layer, head, key, d_k)
 * @property {number} queryMaxima the buffer of float32 (layer, head, query): each vector's largest number
 * @property {number} keyMaxima
 * @property {(number|null)[]} scales for each layer, what q k is multiplied by before the softmax
 * @property {number|null} [distances] for models that learn distances, the buffer of int16 (layer, head,
 *     2 x reach + 1, d_k) that keys so far behind (first) to so far ahead (last) add to themselves
 * @property {number|null} [distanceMaxima] the buffer of float32 (layer, head, 2 x reach + 1)
 */

/**
 * @typedef {object} ThemeFacts
 * @property {string[]} scale evenly spaced stops, from no weight to the most
 * @property {string[]} diverging from the most lost over none to the most gained
 * @property {string} background
 * @property {string} foreground
 * @property {string} muted
 * @property {string} masked
 * @property {string} hatch
 * @property {string} rule
 */

/**
 * Everything the file says beside its buffers.
 * @typedef {object} Facts
 * @property {"attnviz/page/1"} schema
 * @property {string} version
 * @property {string} title
 * @property {string} model
 * @property {string|null} revision
 * @property {string} text
 * @property {SequenceFacts[]} sequences
 * @property {MapFacts[]} maps
 * @property {{unit: string, about: string[]} | null} effects how `effect` of the heads was measured
 * @property {{width: number, height: number, source: string} | null} picture a data: URL
 * @property {{light: ThemeFacts, dark: ThemeFacts}} themes
 * @property {string[]} categories colours of things that have no order
 * @property {string} caution what weights do not say
 * @property {boolean} inline whether it stands inside a notebook
 * @property {Partial<State>} opening what is not as usual when the page opens, such as its theme
 */

/**
 * What is on screen. A link holds it, so every field is a plain value. Positions count the tokens of a
 * sequence, whatever is merged or hidden at the moment, so they survive both.
 * @typedef {object} State
 * @property {string} view the name of a view
 * @property {string} map the id of a map
 * @property {string} head such as "L3H7", or "L3" where a layer has one map
 * @property {string} also further heads of its layer that are drawn beside it: their numbers, as "0,3"
 * @property {string} tiles what the tiles of the grid show: "weights", or a number of each head
 * @property {string|null} other the head it is compared with
 * @property {string|null} otherMap the map that one is of; null for the same
 * @property {number|null} query the position of the query picked
 * @property {number|null} key the position of the key picked
 * @property {number|null} queryToken where a row stands for several queries, the one of them that is picked
 * @property {number|null} keyToken likewise of a column
 * @property {"head"|"layer"|"all"} together whose weights the text and the picture show: of the head, or the
 *     mean of its layer's heads, or of all of them
 * @property {boolean} words pieces merged into words
 * @property {boolean} special special tokens shown
 * @property {"linear"|"log"} scale of colours
 * @property {number} threshold weights below it are not drawn, 0 to 1
 * @property {[number, number, number, number]|null} zoom first row, first column, rows, columns of the cells seen
 * @property {number|null} step so many generated tokens are shown; null for all
 * @property {string} search the token looked for
 * @property {string} sort the column the table is sorted by; a leading "-" for largest first
 * @property {string} filter what the table's rows must contain
 * @property {"auto"|"light"|"dark"} theme
 */

/**
 * One row or column as it is shown: a token, or the pieces of a word.
 * @typedef {object} Label
 * @property {string} text readable, on one line
 * @property {TokenFacts["kind"]} kind
 * @property {number} position the first token it stands for
 * @property {number[]} positions every token it stands for
 * @property {string} [part]
 * @property {[number, number]} [place]
 * @property {[number, number]} [run] as of the token
 */

/**
 * A head's weights as they are shown: pieces merged and tokens hidden as the state says.
 * @typedef {object} Matrix
 * @property {Label[]} rows
 * @property {Label[]} columns
 * @property {Float32Array} values (row, column)
 * @property {Uint8Array} masked (row, column), 1 where the model could not look
 * @property {Float32Array} hidden for each row, its mass on columns that are not shown
 * @property {Float32Array} lost for each row, its mass that went to no key of the record
 */

/**
 * A colour as red, green, blue, 0 to 255.
 * @typedef {[number, number, number]} RGB
 */

/**
 * What a drawing is made with: a screen, or the text of an SVG file. Lengths are CSS pixels.
 * @typedef {object} Brush
 * @property {(x: number, y: number, width: number, height: number, style: {fill?: string, stroke?: string, lineWidth?: number, alpha?: number, radius?: number}) => void} rect
 * @property {(points: [number, number][], style: {stroke: string, lineWidth?: number, alpha?: number, dash?: number[]}) => void} line
 * @property {(x1: number, y1: number, x2: number, y2: number, style: {stroke: string, lineWidth?: number, alpha?: number}) => void} curve from left to right, level at both ends
 * @property {(x: number, y: number, text: string, style: {fill: string, size?: number, align?: "start"|"middle"|"end", bold?: boolean, turn?: number, mono?: boolean}) => void} text the baseline is below the middle of small letters, so `y` is the middle of the line; `turn` in degrees, around (x, y)
 * @property {(x: number, y: number, width: number, height: number, cells: Cells) => void} cells sharp-edged
 * @property {(x: number, y: number, width: number, height: number, source: string) => void} picture a data: URL
 * @property {(x: number, y: number, width: number, height: number, inside: () => void) => void} clip
 * @property {(text: string, size?: number, bold?: boolean, mono?: boolean) => number} measure a text's width
 */

/**
 * A small picture, one colour for each cell.
 * @typedef {object} Cells
 * @property {number} columns
 * @property {number} rows
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels (row, column, red green blue alpha)
 */

/**
 * A view as a picture to take away; drawn anew, so it may be wider than the screen.
 * @typedef {object} Drawing
 * @property {string} [heading] what is written above it; where it says nothing, the head, the view and the map
 * @property {number} width
 * @property {number} height
 * @property {(brush: Brush) => void} paint
 */

/**
 * What every view is given: the page, and the one state it shows and changes.
 * @typedef {object} Context
 * @property {import("./data.js").Page} page
 * @property {import("./state.js").Store} store
 * @property {() => import("./colors.js").Palette} palette of the theme in force
 * @property {(sentence: string) => void} say tell a screen reader, and the line below the view
 */

/**
 * A view that is on screen.
 * @typedef {object} Mounted
 * @property {(state: State, changed: Set<keyof State>) => void} update show the state; `changed` names its
 *     fields that are new ("theme" also when the reader's system changes its own, or the place its size)
 * @property {() => Drawing|null} drawing the view as a picture of its own
 * @property {() => void} close let go of everything
 */

/**
 * A way to look. Right after it is mounted it is told to update, with all fields as new. All that its state shows
 * is open by then and at every update, other layers may not be; `host` has the class "view", scrolls what is
 * larger than itself, and has a height of its own unless the view's style sheet says otherwise.
 * @typedef {object} View
 * @property {string} name as it stands in a link
 * @property {string} title on its tab
 * @property {string} hint one sentence: what it shows and what to do
 * @property {string} [longHint] the same for maps whose cells stand for several weights
 * @property {(page: import("./data.js").Page, state: State) => boolean} offered whether this page has it
 * @property {(host: HTMLElement, context: Context) => Mounted} mount
 * @property {(page: import("./data.js").Page, state: State) => string|null} [off] why it is not offered, where its
 *     tab is to say so
 * @property {boolean} [everyHead] whether it shows all heads alike, and not the one picked
 * @property {boolean} [unweighed] whether it draws no matrix of weights, to be merged, scaled or cut off
 * @property {{key: string, what: string}[]} [keys] keys it listens to itself while it has the focus, for the help
 */

export {};
