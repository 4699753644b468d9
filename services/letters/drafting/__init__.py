"""The words of a letter: from a situation to a text, and the rules for writers' own."""
