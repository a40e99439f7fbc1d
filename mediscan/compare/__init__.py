"""An ablation in one command: train every combination of some settings, and compare them on the same patients."""
