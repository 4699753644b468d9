"""The memory-mapped postcode directory, and its importer from files of the ONS."""
