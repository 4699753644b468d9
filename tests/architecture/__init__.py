"""What holds for every module, route, setting, migration and file."""
