"""The operator's side: dead letters (`letters`), and a look at the health of everything (`facts`, `checks`)."""
