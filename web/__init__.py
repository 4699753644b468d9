"""Pages for people: plain HTML forms that need no script. One module a noun, as everywhere.

GET changes nothing; links in mails open a page whose button POSTs. No personal data in addresses.
"""
