"""`attnviz compare`: hold heads against each other."""

from attnviz.cli.options import Heads, Input, Model, Output, Tokens


def compare(source: Input, by: Model, which: Heads, tokens: Tokens, out: Output) -> None:
    """Compare heads: row by row where they agree and differ; without --head, all pairs ranked and grouped.

    Without --layer the last layer is meant. -o writes .txt or .json.
    """
    from attnviz.analysis.comparing.heads import compare as hold_against
    from attnviz.cli.inputs import attend
    from attnviz.cli.outputs import check_output, show, terminal_theme
    from attnviz.render.machine.comparison import comparison_json
    from attnviz.render.terminal.comparison import ComparisonView

    check_output(out, ".txt", ".json")
    record, heads = attend(source, by, which, tokens, default="-1")
    found = hold_against(record, *heads)
    show(ComparisonView(found, terminal_theme(out)), comparison_json(found), out)
