//! What people look at: the comparison table on the terminal.
