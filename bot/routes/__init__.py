"""What may be asked, by whom, and who does it: one table, a part for each subject."""
