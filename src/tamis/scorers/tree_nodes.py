"""Tree-Instruct's complexity: how many nodes the semantic tree of an instruction has.

Formula: the judge breaks what is asked down into a tree (what is wanted at the root; objects,
actions, conditions and properties below) and counts its nodes.
Paper (arXiv:2308.05696): not a filter. GPT-4 draws the tree of an instruction, adds 3, 6 or 10
nodes and writes the instruction anew from it; with 10 nodes more on 1,000 rows the win rate grew by
24 %, and complexity did more than diversity at equal tokens. DEITA used the count to choose rows
and measured 5.65 on MT-Bench against 5.84 of a random choice: complexity is a use for the count,
choosing by it alone is not.
Here the count alone is taken, a whole number on the last line. Only what is asked is shown, all
turns before the last answer, and no answer.
Know before you use it: judges count unlike, so numbers compare within one judge; long instructions
get more nodes, so compare with plain length. `tree_proxy` needs no judge.
Cost: one question a row, and a second one where the number is missing; the judge writes the tree,
so its answers are long.
Oracle: a judge with given counts.
"""

from __future__ import annotations

from typing import Annotated

from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import fits, judged
from tamis.judging.rubrics import rubric
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("integer"), RUBRIC]


@scorer(prefer="high", family="powerful-llm", unit="nodes", paper="arXiv:2308.05696", version=2)
def tree_nodes(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    prompt: Own = "tree_nodes",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """Nodes of the semantic tree of what a row asks, as a judge counts them.

    Args:
        prompt: a TOML file with a rubric of your own, with a verdict of the kind integer
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    told = row_languages(batch, languages, prompt_language)
    return judged(batch, judge, rubric(prompt), languages=told).floats()
