"""Words, braces and line ends of `lab.dsl`: text to statements, text to tidy text. No network word is known here."""

DIRECTIVES = frozenset({"let", "for", "include"})
"""The statements of the language itself: each stands alone, its block is read where the statement stands."""
