"""Pure helpers without a domain: checked texts, web addresses, times, signed tokens."""
