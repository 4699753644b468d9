"""Building a campaign in the browser: what it still lacks, and its stages from draft to outcome."""
