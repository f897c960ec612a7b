"""Work over several parts that has to be done as one: what comes before what, and how it is taken back."""
