"""The blocks of code in the documents, and the shell, folders and servers that they run in."""
