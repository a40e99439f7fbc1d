"""What other systems reach on the two real collections: every peer trained and scored on the same folds."""
