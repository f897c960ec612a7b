"""The doors of Pilothouse: chat, API, command line, web pages; and the composition root that joins the rooms."""
