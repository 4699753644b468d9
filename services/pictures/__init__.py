"""Pictures that organisers upload: checked, cut to the widths that pages show, kept, and found."""
