"""What people see: text tables, HTML, plots."""
