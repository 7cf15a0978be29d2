# What a user runs first, and what came out when we ran it.
