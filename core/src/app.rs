//! Puts the house together.
