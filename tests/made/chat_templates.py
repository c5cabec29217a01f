"""Chat templates of the kinds that there are: small ones that do what those of published models do."""

_LOOP = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
_ANSWER = "{% if add_generation_prompt %}<|assistant|>{% endif %}"

TEMPLATES: dict[str, str | dict[str, str]] = {
    "plain": _LOOP + _ANSWER,
    "no system": (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + _LOOP
        + _ANSWER
    ),
    "raises": "{{ raise_exception('Conversation roles must alternate <b>user</b>/assistant') }}",
    "broken": "{% for m in messages %}{{ m['content'] }",
    "undefined": "{{ nothing.at_all }}",
    "dates": "Today: {{ strftime_now('%d %B %Y') }}" + _LOOP + _ANSWER,
    "thinking": (
        _LOOP
        + _ANSWER
        + "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
        + "{% if enable_thinking %}<think>{% endif %}"
    ),
    "thinking, the other name": _LOOP + _ANSWER + "{{ '<think>' if thinking else '</think>' }}",
    "thinking, set where it is missing": (
        "{% set enable_thinking = enable_thinking if enable_thinking is defined else true %}"
        + _LOOP
        + _ANSWER
        + "{{ '<think>' if enable_thinking }}"
    ),
    "a variable of its own named thinking": (
        "{% for m in messages %}{% set thinking = m.thinking | default('') %}"
        "{{ m['content'] }}{{ thinking }}{% endfor %}"
    ),
    "tools": "{% if tools %}TOOLS {% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}" + _LOOP + _ANSWER,
    "tools, a template of their own": {
        "default": _LOOP + _ANSWER,
        "tool_use": "USE {{ tools | tojson(indent=2) }}" + _LOOP + _ANSWER,
    },
    "generation marked": (
        "{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}{% endfor %}"
        "{{ 'T' if enable_thinking }}"
    ),
}
