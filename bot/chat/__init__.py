"""Speaking in chat: what to say when, in which order, at which pace, and never twice."""
