"""The same data in the formats of others: petition.parliament.uk, oEmbed, Atom, iCalendar."""
