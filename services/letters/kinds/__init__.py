"""The kinds of letter (variants): their conditions, their texts and the language of templates."""
