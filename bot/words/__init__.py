"""What people type: the table of commands, and the grammar of each subject. Pure."""
