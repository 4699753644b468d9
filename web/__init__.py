"""HTML pages: plain forms that need no script, one module for each noun.

A GET changes nothing: links in emails open a page whose button POSTs. No URL has personal data.
"""
