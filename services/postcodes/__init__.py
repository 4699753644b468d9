"""The memory-mapped postcode directory, and its importer from the ONS."""
