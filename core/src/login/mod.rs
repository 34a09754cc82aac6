//! Login flows v1 and v2 and their pages.
