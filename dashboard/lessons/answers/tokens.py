"""Questions about tokens: how a prompt is cut, and what the vocabulary holds."""

from __future__ import annotations

from dashboard.lessons.answers.question import (
    MOST_OPTIONS,
    Question,
    RunContext,
    Unanswerable,
    choice,
    nothing,
    number,
    question,
    yes_no,
)
from dashboard.tokens import visible


@question(nothing)
def token_count(run: RunContext) -> Question:
    """How many tokens does the prompt have?"""
    return number(len(run.tokens), {"tokens": len(run.tokens)})


@question(nothing)
def tokens_with_space(run: RunContext) -> Question:
    """How many tokens begin with a space?"""
    count = sum((token.text or "").startswith(" ") and not token.special for token in run.tokens)
    return number(count, {"count": count, "tokens": len(run.tokens)})


@question(nothing)
def distinct_tokens(run: RunContext) -> Question:
    """How many different tokens stand in the prompt?"""
    ids = run.prompt.ids
    return number(len(set(ids)), {"distinct": len(set(ids)), "tokens": len(ids)})


@question(nothing)
def token_id(run: RunContext) -> Question:
    """Which id has the last token?"""
    right = run.prompt.ids[-1]
    others = dict.fromkeys((*run.prompt.ids, *((right + step) % run.card.vocab for step in (1, 2, 3))))
    ids = [right, *(other for other in others if other != right)][:MOST_OPTIONS]
    facts = {"token": visible(run.tokens[-1]), "pos": run.last, "id": str(right)}
    return choice(run, {str(value): str(value) for value in ids}, [str(right)], **facts)


@question(nothing)
def same_with_space(run: RunContext) -> Question:
    """Is a word the same token with and without the space in front?"""
    found = [token.text or "" for token in run.tokens if not token.special and (token.text or "").startswith(" ")]
    word = next((text.strip() for text in found if text.strip().isalpha()), "")
    if not word:
        raise Unanswerable("no_spaced_word")
    bare, spaced = run.engine.tokenizer(run.card.model).ids((word, f" {word}"), alone=True)
    ids = {"without_space": " ".join(map(str, bare)), "with_space": " ".join(map(str, spaced))}
    return yes_no(bare == spaced, word=word, **ids)


@question(nothing)
def vocabulary(run: RunContext) -> Question:
    """How many tokens does the model choose from?"""
    return number(run.card.vocab, {"vocabulary": run.card.vocab})
