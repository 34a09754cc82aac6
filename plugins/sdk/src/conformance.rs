//! Conformance suites: what every implementation of a trait must do.
