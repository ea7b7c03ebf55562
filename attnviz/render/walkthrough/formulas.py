"""The walk in formulas, after Vaswani et al. 2017, with this text's numbers beside them."""

from collections.abc import Iterator

import numpy as np

from attnviz.analysis.walkthrough.steps import Numbers, Walkthrough
from attnviz.render.walkthrough import tables
from attnviz.render.walkthrough.blocks import Block, Formula, Page, Word, para
from attnviz.render.walkthrough.numbers import name_of, percent, rough, scale_text
from attnviz.render.walkthrough.practitioner import closing

SOURCE = 'Sections and equations are those of Vaswani et al. 2017, "Attention is all you need".'

_NO_MASK = "where j is visible, −∞ elsewhere"


def pages(walk: Walkthrough) -> Iterator[Page]:
    """Tell every step, then what the number of heads buys."""
    yield Page("Input", tuple(_input(walk)))
    yield Page("Projections", tuple(_projections(walk)))
    yield Page("Scaled dot-product attention", tuple(_scores(walk)))
    yield Page("The weighted sum", tuple(_mixture(walk)))
    yield Page("Concatenation", tuple(_concatenation(walk)))
    yield Page("Output projection", tuple(_joining(walk)))
    yield Page("One head, another head, all heads", tuple(closing(walk)))


def _input(walk: Walkthrough) -> Iterator[Block]:
    n, m, width = len(walk.queries), len(walk.keys), walk.projections.width or "?"
    d, latex = f"d_model = {width}", rf"d_\text{{model}} = {width}"
    yield para(SOURCE)
    if walk.block == "cross":
        yield Formula(
            f"X ∈ ℝ^(n × d_model), Y ∈ ℝ^(m × d_model), n = {n}, m = {m}, {d}",
            r"X \in \mathbb{R}^{n \times d_\text{model}}, \; "
            r"Y \in \mathbb{R}^{m \times d_\text{model}}, \quad "
            rf"n = {n}, \; m = {m}, \; {latex}",
            "section 3.2.3: queries from the decoder, keys and values from the encoder",
        )
    else:
        yield Formula(
            f"X ∈ ℝ^(n × d_model), n = {n}, {d}",
            rf"X \in \mathbb{{R}}^{{n \times d_\text{{model}}}}, \quad n = {n}, \; {latex}",
            "sections 3.4 and 3.1",
        )
    yield para(f"The row followed is i = {walk.position}, {{}}; places count from 0.", _query(walk))
    if table := tables.inputs(walk):
        yield table


def _projections(walk: Walkthrough) -> Iterator[Block]:
    found, y = walk.projections, "Y" if walk.block == "cross" else "X"
    h, of = len(walk.heads), walk.head.index
    yield Formula(
        f"Q = X W_Q + b_Q,  K = {y} W_K + b_K,  V = {y} W_V + b_V   for each head",
        rf"Q_h = X W^Q_h + b^Q_h, \quad K_h = {y} W^K_h + b^K_h, \quad V_h = {y} W^V_h + b^V_h",
        "section 3.2.2; biases where the model has them",
    )
    yield Formula(
        f"h = {h},  d_k = {found.d_k},  d_v = {found.d_v},  head {of}",
        rf"h = {h}, \quad d_k = {found.d_k}, \quad d_v = {found.d_v}",
    )
    yield tables.shapes(walk, 2)
    if len(found.sharing) > 1:
        yield para(
            f"K and V are shared by {', '.join(map(str, found.sharing))} (Ainslie et al. 2023, grouped-query "
            "attention, section 2.2)."
        )
    if walk.scores.addition != "distance":
        yield para(
            "Rotary positions, where there are any, are part of Q and K (Su et al. 2021, section 3.2)."
        )
    yield tables.vectors(walk)


def _scores(walk: Walkthrough) -> Iterator[Block]:
    found = walk.scores
    plain, latex, source = _logits(walk)
    yield Formula(plain, latex, source)
    yield tables.product(walk)
    if found.scale != 1 and not found.scale_is_known:
        yield para("The model does not tell its scale: 1/√d_k is taken.")
    if found.addition == "recovered":
        yield para(
            "a_ij (positions, a mask, a cap) is not recorded. It follows from the weights, up to a constant "
            "of the row, as log w_ij less the scaled product; here Σ_j w_ij a_ij = 0."
        )
    hidden = int((~found.visible).sum())
    if hidden:
        yield para(f"{hidden} of {len(walk.keys)} keys are masked: ℓ_ij = −∞ (section 3.2.3).")
    yield Formula(
        "w_ij = e^(ℓ_ij − max ℓ_i) / Σ_j e^(ℓ_ij − max ℓ_i)",
        r"w_{ij} = \frac{e^{\ell_{ij} - \max_j \ell_{ij}}}{\sum_{j} e^{\ell_{ij} - \max_j \ell_{ij}}}",
        "equation 1, softmax",
    )
    yield tables.scores(walk)
    if found.lost:
        yield para(f"{percent(found.lost)} of the mass is on a learned sink, or on keys not shown.")
    one, other = found.spread, found.otherwise
    yield Formula(
        f"H = −Σ_j w_ij log₂ w_ij = {one.entropy:.6f} bits at s = {one.factor:.6g};  "
        f"{other.entropy:.6f} bits at s = {other.factor:.6g}",
        rf"H = -\sum_j w_{{ij}} \log_2 w_{{ij}} = {one.entropy:.6f} \text{{ bits at }} s = {one.factor:.6g}; "
        rf"\quad {other.entropy:.6f} \text{{ bits at }} s = {other.factor:.6g}",
        "section 3.2.1, footnote 4: if the numbers of q and k have variance 1, q·k has variance d_k",
    )


def _logits(walk: Walkthrough) -> tuple[str, str, str]:
    """Write how logits are made in this model."""
    found, i = walk.scores, walk.position
    scale = "" if found.scale == 1 else f"{scale_text(found.scale)} · "
    value = f" s = {scale_text(found.scale)}" if scale else " s = 1"
    if found.addition == "distance":
        return (
            f"ℓ_ij = s · q_i (k_j + r_(j−i))ᵀ,  s = 1/√d_k,{value},  i = {i}",
            rf"\ell_{{ij}} = s\, q_i (k_j + r_{{j-i}})^\top, \quad s = {scale_text(found.scale)}, \; i = {i}",
            "equation 1, before the softmax; r as in Shaw et al. 2018, equation 5",
        )
    more = "" if found.addition == "nothing" else " + a_ij"
    latex = "" if found.addition == "nothing" else " + a_{ij}"
    return (
        f"ℓ_ij = s · q_i k_jᵀ{more},{value},  i = {i}",
        rf"\ell_{{ij}} = s\, q_i k_j^\top{latex}, \quad s = {scale_text(found.scale)}, \; i = {i}",
        "equation 1, before the softmax",
    )


def _mixture(walk: Walkthrough) -> Iterator[Block]:
    yield Formula(
        "z_i = Σ_j w_ij v_j",
        r"z_i = \sum_j w_{ij} v_j",
        "equation 1",
    )
    yield Formula(
        f"share_j = ⟨w_ij v_j, z_i⟩ / |z_i|²,  Σ_j share_j = 1,  |z_i| = {_length(walk.mixture.output)}",
        r"\text{share}_j = \frac{\langle w_{ij} v_j, z_i \rangle}{|z_i|^2}, \quad \sum_j \text{share}_j = 1",
    )
    yield tables.mixture(walk)


def _concatenation(walk: Walkthrough) -> Iterator[Block]:
    h, d_v, place = len(walk.heads), walk.projections.d_v, walk.place
    yield Formula(
        f"Concat(z^0, …, z^{h - 1}) ∈ ℝ^{h * d_v}",
        rf"\mathrm{{Concat}}(z^0, \ldots, z^{{{h - 1}}}) \in \mathbb{{R}}^{{{h * d_v}}}",
        "section 3.2.2",
    )
    yield para(f"Head {walk.head.index} has the numbers [{place * d_v}] to [{(place + 1) * d_v - 1}].")
    yield tables.strip(walk)


def _joining(walk: Walkthrough) -> Iterator[Block]:
    found = walk.joining
    if found is None:
        yield para("This model does not show W_O: what the heads give passes through something else first.")
        return
    yield Formula(
        "o_i = Concat(z^0, …) W_O + b_O = Σ_h z^h W_O^h + b_O = Σ_h c_h + b_O",
        r"o_i = \mathrm{Concat}(z^0, \ldots) W^O + b^O = \sum_h z^h W^O_h + b^O = \sum_h c_h + b^O",
        "section 3.2.2; W_O^h are the rows of W_O that head h meets",
    )
    yield Formula(
        f"share_h = ⟨c_h, o_i⟩ / |o_i|²,  Σ_h share_h + share_b = 1,  |o_i| = {_length(found.output)}",
        r"\text{share}_h = \frac{\langle c_h, o_i \rangle}{|o_i|^2}, \quad "
        r"\sum_h \text{share}_h + \text{share}_b = 1",
    )
    yield tables.shapes(walk, 6)
    yield tables.joining(walk, found)


def _query(walk: Walkthrough) -> Word:
    return name_of(walk.queries, walk.position)


def _length(vector: Numbers) -> str:
    return rough(float(np.linalg.norm(vector)))
