"""Features and labels: what they are (definitions), and tables of them, as they were known at moments of the past."""
