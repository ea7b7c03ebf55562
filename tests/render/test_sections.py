from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from attnviz.record import KINDS, Token
from attnviz.render.sections import Part, border, parts


def tokens(*kinds):
    return [Token(str(at), kind=kind) for at, kind in enumerate(kinds)]


def test_the_border_stands_before_the_first_token_the_model_said():
    assert border(tokens("special", "text", "generated", "special", "generated")) == 2


def test_there_is_no_border_where_the_model_said_nothing_or_all():
    assert border(tokens("text", "text")) is None
    assert border(tokens("generated", "generated")) is None


def test_special_tokens_go_with_what_is_before_them():
    pair = [
        Token("[CLS]", kind="special"),
        Token("a", part="A"),
        Token("[SEP]", kind="special"),
        Token("b", part="B"),
        Token("[SEP]", kind="special"),
    ]
    assert parts(pair) == (Part("A", 0, 3), Part("B", 3, 5))


def test_turns_of_a_chat_are_parts_of_their_own():
    turns = [Token(str(at), part=part) for at, part in enumerate(("user", "assistant", "user"))]
    assert [part.name for part in parts(turns)] == ["user", "assistant", "user"]


def test_a_picture_among_words_is_a_part():
    assert parts(tokens("text", "patch", "patch", "text")) == (
        Part("", 0, 1),
        Part("picture", 1, 3),
        Part("", 3, 4),
    )


def test_one_part_alone_is_none():
    assert parts(tokens("special", "patch", "patch")) == ()
    assert parts(tokens("text", "generated")) == ()
    assert parts([Token("a", part="A"), Token("b", part="A")]) == ()


@given(
    st.lists(
        st.builds(Token, st.just("a"), kind=st.sampled_from(KINDS), part=st.sampled_from([None, "A", "B"]))
    )
)
def test_parts_cover_a_side_without_gaps(side):
    found = parts(side)
    if found:
        assert (found[0].start, found[-1].stop) == (0, len(side))
        assert all(one.stop == other.start for one, other in pairwise(found))
        assert all(one.name != other.name for one, other in pairwise(found))
