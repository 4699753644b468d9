"""Building a campaign at the desk: what it still lacks, and its stages from draft to outcome."""
