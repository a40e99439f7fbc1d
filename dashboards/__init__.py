"""The reviewing dashboard: a worklist, and one page per case. It is started by `mediscan dashboard`."""
