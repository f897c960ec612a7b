"""What is going on, gathered for whoever shows it: chat, board, API and command line see the same."""
