"""Who runs a campaign and how it looks: the organisation, its notice, its logo, and pictures."""
