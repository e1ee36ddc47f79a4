"""Chat templates of model files that loop, grow, or are no templates."""

from __future__ import annotations

_GROWN = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}%s{% endfor %}{{ ns.x }}"

ENDLESS_TEMPLATES = (
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for m in messages %}hello hello{% endfor %}{% endfor %}",
    "{{ 'wide ' * 1000000000 }}",
    "{{ ([1] * 3000000) * 3000000 }}",
    "{{ '%1000000000d' % 1 }}",
    _GROWN.replace("%s", "{% set ns.x = ns.x ~ ns.x %}"),
    _GROWN.replace("%s", "{% set ns.x = ns.x + ns.x %}"),
    _GROWN.replace("%s", "{% set ns.x = [ns.x, ns.x] | join %}"),
    _GROWN.replace("%s", "{% set ns.x = ''.join([ns.x, ns.x]) %}"),
    _GROWN.replace("%s", "{% set ns.x = ns.x | replace('', ns.x) %}"),
    _GROWN.replace("%s", "{% set ns.x = ns.x.replace('', ns.x) %}"),
    _GROWN.replace("%s", "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}"),
    "{% macro f(x) %}{{ x }}{{ x }}{% endmacro %}"
    + _GROWN.replace("%s", "{% set ns.x = f(ns.x) %}"),
)
"""They run for ever, or fill the memory."""

BROKEN_TEMPLATES = (
    "{{ 1 if",
    "{% no_such_tag %}",
    "{{ messages[7].content }}",
    "{{ raise_exception('never') }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 1000000000) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ ''.__class__.__mro__ }}",
)
"""They fail at once."""
