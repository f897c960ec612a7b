"""The composition root: builds the rooms, joins them, starts and stops them."""
