"""The answers of lessons from plain transformers: one forward pass with eager attention, and NumPy.

Each function of PLAIN gives what is right: a number, which an option can show too, or the value of the right option.
"""

import math

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dashboard.lessons.answers.bias import COMPLETIONS, GROUPS, VERBS
from tests.made.plain import metrics


class Plain:
    """A model and one prompt."""

    def __init__(self, folder, prompt):
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        ).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.ids = self.tokenizer(prompt)["input_ids"]
        self.pieces = [self.tokenizer.decode([token]) for token in self.ids]
        self.last = len(self.ids) - 1
        self.out = self.forward(self.ids)
        self.maps = np.stack([layer[0].numpy() for layer in self.out.attentions])
        self.layers, self.heads = self.maps.shape[:2]
        self.row = self.maps[:, :, -1]

    def forward(self, ids):
        with torch.no_grad():
            return self.model(torch.tensor([ids]), output_attentions=True, output_hidden_states=True)

    def log_p(self, ids=None):
        """(pos, vocab) ln p."""
        out = self.out if ids is None else self.forward(ids)
        return torch.log_softmax(out.logits[0].double(), -1).numpy()

    @property
    def after(self):
        """(vocab,) p after the last token."""
        return np.exp(self.log_p()[-1])

    @property
    def top(self):
        return int(self.after.argmax())

    def heated(self, temperature):
        return torch.softmax(self.out.logits[0, -1].double() / temperature, -1).numpy()

    def scores(self, metric):
        flat = self.maps.reshape(-1, *self.maps.shape[2:])
        return np.array([metrics(each, self.ids)[metric] for each in flat])

    def head(self, at):
        return f"{at // self.heads}.{at % self.heads}"

    def lens(self):
        """(step, vocab) p at the last position, the embedding first."""
        with torch.no_grad():
            hidden = torch.stack([state[0, -1] for state in self.out.hidden_states[:-1]])
            logits = self.model.lm_head(self.model.model.norm(hidden))
        logits = torch.cat([logits, self.out.logits[0, -1:]]).double()
        return torch.softmax(logits, -1).numpy()

    @torch.no_grad()
    def parts(self):
        """What embedding, attentions, MLPs and each head add to the top token's logit."""
        added, hooks, layers = {}, [], self.model.model.layers

        def record(kind, at):
            def hook(_, inputs, output):
                added[kind, at], added[f"{kind} input", at] = output[0, -1], inputs[0][0, -1]

            return hook

        for at, layer in enumerate(layers):
            hooks.append(layer.self_attn.o_proj.register_forward_hook(record("attention", at)))
            hooks.append(layer.mlp.register_forward_hook(record("mlp", at)))
        out = self.forward(self.ids)
        for hook in hooks:
            hook.remove()
        start = out.hidden_states[0][0, -1]
        whole = start + sum(added[kind, at] for kind in ("attention", "mlp") for at in range(self.layers))
        norm = self.model.model.norm
        scale = norm.weight / torch.sqrt(whole.pow(2).mean() + norm.variance_epsilon)
        read = self.model.lm_head.weight[self.top] * scale
        heads = np.zeros((self.layers, self.heads))
        for at, layer in enumerate(layers):
            width = added["attention input", at].shape[0] // self.heads
            for head in range(self.heads):
                own = slice(head * width, (head + 1) * width)
                heads[at, head] = float(
                    read @ (layer.self_attn.o_proj.weight[:, own] @ added["attention input", at][own])
                )
        sums = {kind: sum(float(read @ added[kind, at]) for at in range(self.layers)) for kind in ("attention", "mlp")}
        return {"embedding": float(read @ start), **sums}, heads.ravel()

    def without(self, pos, token):
        return math.exp(self.log_p(self.ids[:pos] + self.ids[pos + 1 :])[-1, token])

    def greedy(self, count):
        ids, total = list(self.ids), 0.0
        for _ in range(count):
            log_p = self.log_p(ids)[-1]
            ids.append(int(log_p.argmax()))
            total += float(log_p.max())
        return ids[len(self.ids) :], total

    def bias(self, completion):
        """(template, group) ln p."""
        table = np.zeros((len(VERBS), len(GROUPS)))
        for template, verb in enumerate(VERBS):
            for group, name in enumerate(GROUPS):
                prompt = self.tokenizer(f"The {name} {verb}")["input_ids"]
                ids = self.tokenizer(f"The {name} {verb} {completion}")["input_ids"]
                assert ids[: len(prompt)] == prompt
                log_p = self.log_p(ids)
                table[template, group] = sum(log_p[at - 1, ids[at]] for at in range(len(prompt), len(ids)))
        return table

    def ratios(self, completion):
        table = self.bias(completion)
        return table[:, 1] - table[:, 0]

    def followers(self):
        return [at + 1 for at in range(self.last) if self.ids[at] == self.ids[-1]]


def yes(right):
    return "yes" if right else "no"


def way(change):
    return "same" if abs(change) <= 1e-3 else "up" if change > 0 else "down"


def bootstrap_holds_zero(values):
    draws = np.random.default_rng(1).integers(0, len(values), (20_000, len(values)))
    low, high = np.quantile(values[draws].mean(1), [0.025, 0.975])
    assert min(abs(low), abs(high)) > 0.02, "too near to 0 to be told by other draws"
    return low <= 0 <= high


def wilson_upper(draws):
    z = 1.959964
    return z * z / (draws + z * z)


def ratio_of_first_two(run, temperature):
    first, second = run.after.argsort()[::-1][:2]
    heated = run.heated(temperature)
    return heated[first] / heated[second]


def layer_order(run, first, second):
    low, high = (int(run.head(np.nanargmax(run.scores(name))).split(".")[0]) for name in (first, second))
    return "earlier" if low < high else "later" if low > high else "same_layer"


def looks_and_adds(run):
    return yes(run.row[:, :, 1:].max(-1).argmax() == run.parts()[1].argmax())


def removal(run):
    row = run.row.reshape(-1, run.last + 1).mean(0)
    inner = np.arange(1, run.last)
    pair = [int(inner[row[inner].argmax()]), int(inner[row[inner].argmin()])]
    return str(max(pair, key=lambda pos: abs(math.log(run.without(pos, run.top) / run.after[run.top]))))


def settled(run):
    tops = run.lens().argmax(-1)
    return max((at for at, top in enumerate(tops) if top != tops[-1]), default=-1)


def entropy(probs):
    return float(-(probs * np.log(np.maximum(probs, 1e-300))).sum(-1))


def with_space(run):
    word = next(piece.strip() for piece in run.pieces if piece.startswith(" ") and piece.strip().isalpha())
    return yes(run.tokenizer(word)["input_ids"] == run.tokenizer(f" {word}")["input_ids"])


def surprisals(run):
    return -run.log_p()[np.arange(run.last), run.ids[1:]] / math.log(2)


def layer_at(run, share):
    return int(share * (run.layers - 1)) + 1


PLAIN = {
    "token_count": lambda run: len(run.ids),
    "tokens_with_space": lambda run: sum(piece.startswith(" ") for piece in run.pieces),
    "distinct_tokens": lambda run: len(set(run.ids)),
    "token_id": lambda run: str(run.ids[-1]),
    "same_with_space": with_space,
    "vocabulary": lambda run: run.out.logits.shape[-1],
    "top_token": lambda run: str(run.top),
    "top_probability": lambda run: run.after.max(),
    "top_surprisal": lambda run: -math.log2(run.after.max()),
    "most_surprising": lambda run: str(1 + int(surprisals(run).argmax())),
    "more_certain": lambda run: str(min(range(run.last), key=lambda pos: entropy(np.exp(run.log_p()[pos])))),
    "perplexity": lambda run: 2 ** surprisals(run).mean(),
    "temperature_effect": lambda run, temperature: way(run.heated(temperature)[run.top] / run.after[run.top] - 1),
    "temperature_order": lambda run, temperature: yes(
        run.heated(temperature).argsort()[-10:].tolist() != run.after.argsort()[-10:].tolist()
    ),
    "temperature_ratio": ratio_of_first_two,
    "temperature_entropy": lambda run, temperature: entropy(run.heated(temperature)),
    "temperature_top": lambda run, temperature: run.heated(temperature)[run.top],
    "temperature_acts": lambda run, temperature, do_sample: yes(do_sample),
    "head_count": lambda run: run.layers * run.heads,
    "strongest_key": lambda run, layer, head: str(run.row[layer, head].argmax()),
    "row_sum": lambda run, layer, head: run.row[layer, head].sum(),
    "visible_keys": lambda run: (run.maps[:, :, run.last // 2] > 0).any((0, 1)).sum(),
    "best_head": lambda run, metric: run.head(int(run.scores(metric).argmax())),
    "follower": lambda run: str(run.ids[run.followers()[-1]]),
    "best_score": lambda run, metric: run.scores(metric).max(),
    "strongest_key_of_best": lambda run, metric: str(
        run.row.reshape(-1, run.last + 1)[run.scores(metric).argmax()].argmax()
    ),
    "layer_order": layer_order,
    "follower_rank": lambda run: 1 + int((run.after > run.after[run.ids[run.followers()[-1]]]).sum()),
    "most_attended": lambda run: str(run.row.reshape(-1, run.last + 1).mean(0).argmax()),
    "first_token_share": lambda run: run.row[:, :, 0].mean(),
    "most_adding_head": lambda run: run.head(int(run.parts()[1].argmax())),
    "looks_and_adds": looks_and_adds,
    "removal": removal,
    "lens_top": lambda run, layer: str(run.lens()[layer + 1].argmax()),
    "settled_layer": settled,
    "lens_probability": lambda run, share: run.lens()[layer_at(run, share), run.top],
    "lens_entropy": lambda run, share: way(entropy(run.lens()[-1]) / entropy(run.lens()[layer_at(run, share)]) - 1),
    "largest_part": lambda run: max(run.parts()[0].items(), key=lambda part: part[1])[0],
    "equal_texts": lambda run, seeds, max_new_tokens: yes(seeds[0] == seeds[1]),
    "expected_count": lambda run, draws: draws * run.after.max(),
    "chance_of_none": lambda run, draws: (1 - run.after.max()) ** draws,
    "text_probability": lambda run, max_new_tokens: math.exp(run.greedy(max_new_tokens)[1]),
    "distinct_texts": lambda run, **settings: 1,
    "likelier_group": lambda run, completion: GROUPS[int(run.bias(completion)[0].argmax())],
    "log_ratio_of": lambda run, completion: run.ratios(completion)[0],
    "same_sign": lambda run, completion: yes(abs(np.sign(run.ratios(completion)).sum()) == len(VERBS)),
    "interval_holds_zero": lambda run, completion: yes(bootstrap_holds_zero(run.ratios(completion))),
    "expected_draws": lambda run, completion, draws: draws * math.exp(run.bias(completion)[0, 1]),
    "none_of": lambda run, draws: wilson_upper(draws),
}
assert set(COMPLETIONS) >= {"nurse", "lawyer"}
